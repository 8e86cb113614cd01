/**
 * Which API server the service asks: found out before the service starts, since its permissions depend on it.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { AppError } from "../errors.ts";
import type { KubeContext } from "../kube/kubeconfig.ts";
import { requireLocalContext } from "../kube/local_context.ts";

/** How the API server is reached: as the pod's ServiceAccount, or through a kubeconfig's context. Plain data. */
export type ClusterSource =
  | {
    readonly kind: "service-account";
    /** Folder with `token`, `ca.crt` and `namespace`. */
    readonly directory: string;
    readonly host: string;
    readonly port: string;
  }
  | { readonly kind: "kubeconfig"; readonly context: KubeContext };

/**
 * In a pod its ServiceAccount, elsewhere what the kubeconfig says; undefined when no part of the service asks the API
 * server.
 *
 * @throws {AppError} Code `kubeconfig` when there is none that can be used, `remote-context` when it leads to a cluster that
 *   does not look local and that is not allowed, `metrics-cluster` when there is none and only metrics need it.
 */
export async function findCluster(
  config: Config,
  readTextFile: (path: string) => Promise<string>,
): Promise<ClusterSource | undefined> {
  const hasControllers = config.configMaps.enabled || config.tokens.reconcilerEnabled ||
    config.scanner !== undefined;
  if (!hasControllers && config.metrics?.tls === undefined) return undefined;
  const { serviceHost: host, servicePort: port, serviceAccountDirectory: directory } = config.kubernetes;
  if (host && port) return { kind: "service-account", directory, host, port };
  try {
    return { kind: "kubeconfig", context: await readContext(config.kubernetes, readTextFile) };
  } catch (cause) {
    if (hasControllers) throw cause;
    throw new AppError(
      "metrics-cluster",
      "Cannot serve metrics as METRICS_SECURE=true needs an API server that says who may read them: " +
        "set it to false, and let only Prometheus reach the address",
      { cause },
    );
  }
}

async function readContext(
  { kubeconfigPaths, allowRemoteContext }: Config["kubernetes"],
  readTextFile: (path: string) => Promise<string>,
): Promise<KubeContext> {
  // Only here a parser for YAML is needed, which takes some memory.
  const { readKubeconfig } = await import("../kube/kubeconfig.ts");
  const context = await readKubeconfig(kubeconfigPaths, readTextFile);
  if (!allowRemoteContext) requireLocalContext(context);
  return context;
}
