/**
 * Which API server the service uses. The process finds out before the service starts, since permissions depend on it.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { AppError } from "../errors.ts";
import type { ServiceAccount } from "../kube/credentials.ts";
import type { Kubeconfig } from "../kube/kubeconfig.ts";
import { requireLocalContext } from "../kube/local_context.ts";

/** How the Worker reaches the API server, as plain data; `undefined` when no part of the service needs it. */
export type Cluster =
  | ServiceAccount & { readonly kind: "service-account" }
  /** The Worker asks the process for the credentials. */
  | { readonly kind: "kubeconfig"; readonly server: string; readonly namespace: string }
  | undefined;

/**
 * Finds the API server: that of the current context of a kubeconfig that the operator names; else that of the ServiceAccount
 * in a pod, and of the kubeconfig in the home directory elsewhere. The process reads the credentials of a kubeconfig.
 *
 * @throws {AppError} Code `kubeconfig` when there is no usable context, `remote-context` when its server does not look
 *   local, `metrics-cluster` when there is no usable context and only metrics need one.
 */
export async function findCluster(
  { kubernetes, ...config }: Config,
): Promise<{ cluster: Cluster; readCredentials?: Kubeconfig["readCredentials"] }> {
  const hasControllers = config.configMaps.enabled || config.tokens.reconcilerEnabled ||
    config.scanner !== undefined;
  if (!hasControllers && config.metrics?.tls === undefined) return { cluster: undefined };
  const { serviceHost: host, servicePort: port, serviceAccountDirectory: directory } = kubernetes;
  if (host && port && !kubernetes.hasKubeconfig) {
    return { cluster: { kind: "service-account", directory, host, port } };
  }
  try {
    // Loaded only where it is needed, because its packages take much memory.
    const { readKubeconfig } = await import("../kube/kubeconfig.ts");
    const kubeconfig = await readKubeconfig(kubernetes.kubeconfigPaths, systemClock);
    if (!kubernetes.allowRemoteContext) requireLocalContext(kubeconfig);
    const { server, namespace, readCredentials } = kubeconfig;
    return { cluster: { kind: "kubeconfig", server, namespace }, readCredentials };
  } catch (cause) {
    if (hasControllers) throw cause;
    throw new AppError(
      "metrics-cluster",
      "Cannot serve metrics with METRICS_SECURE=true without an API server, which says who may read them. " +
        "Set it to false, and let only Prometheus reach the address",
      { cause },
    );
  }
}
