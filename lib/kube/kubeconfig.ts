/**
 * How to reach the API server from a developer's machine: through a kubeconfig. Loaded only when there is no
 * ServiceAccount, because the official client that reads kubeconfigs takes 80 MB of memory.
 *
 * @module
 */
import { KubeConfig } from "@kubernetes/client-node";
import { Buffer } from "node:buffer";
import type { RequestOptions } from "node:https";
import { AppError } from "../errors.ts";
import type { Clock } from "../clock.ts";
import { type ClusterAccess, createClient } from "./credentials.ts";

/** How long credentials of an exec plugin are used before it is asked again. */
const RENEW_AFTER_MS = 60_000;

interface Credentials {
  readonly client: Deno.HttpClient;
  /** What the client was made from. */
  readonly certificates: string;
  readonly headers: Record<string, string>;
  readonly readAt: number;
}

/**
 * Access through the current context of a kubeconfig.
 *
 * @param paths The files that make it up; what is said first counts, as with kubectl.
 * @throws {AppError} Code `kubeconfig` when there is none, it has no current context, or it asks for something
 *   that is not supported (TLS without verification).
 */
export function kubeconfigAccess(paths: readonly string[], clock: Clock): ClusterAccess {
  const config = load(paths);
  const cluster = config.getCurrentCluster();
  if (!cluster) {
    throw new AppError(
      "kubeconfig",
      `Cannot find the API server as ${paths.join(" and ")} must name one: set a current context`,
    );
  }
  if (cluster.skipTLSVerify && cluster.server.startsWith("https:")) {
    throw new AppError(
      "kubeconfig",
      `Cannot use cluster ${
        JSON.stringify(cluster.name)
      } as insecure-skip-tls-verify is not supported: add its certificate-authority`,
    );
  }
  let current: Credentials | undefined;

  async function fresh(): Promise<Credentials> {
    if (current && clock.now() - current.readAt < RENEW_AFTER_MS) return current;
    const options = await requestOptions(config);
    const ca = options.ca ? [pem(options.ca)] : [];
    const identity = options.cert && options.key
      ? { cert: pem(options.cert), key: pem(options.key) }
      : undefined;
    const certificates = JSON.stringify([ca, identity]);
    const isSame = current?.certificates === certificates;
    const client = current && isSame ? current.client : createClient(ca, identity);
    // Requests that still run on the old connections finish: closing only stops new ones.
    if (!isSame) current?.client.close();
    const headers = options.headers as Record<string, string>;
    current = { client, certificates, headers, readAt: clock.now() };
    return current;
  }

  return {
    server: cluster.server.replace(/\/+$/, ""),
    httpClient: async () => (await fresh()).client,
    headers: async () => (await fresh()).headers,
    namespace: () => Promise.resolve(config.getContextObject(config.currentContext)?.namespace || "default"),
    invalidate: () => {
      if (current) current = { ...current, readAt: Number.NEGATIVE_INFINITY };
    },
    close: () => {
      current?.client.close();
      current = undefined;
    },
  };
}

function load(paths: readonly string[]): KubeConfig {
  const config = new KubeConfig();
  for (const [index, path] of paths.entries()) {
    try {
      const part = index === 0 ? config : new KubeConfig();
      part.loadFromFile(path);
      if (part !== config) config.mergeConfig(part, Boolean(config.currentContext));
    } catch (cause) {
      throw new AppError("kubeconfig", `Cannot read the kubeconfig ${path}`, { cause });
    }
  }
  const cluster = config.getCurrentCluster();
  if (!cluster?.server.startsWith("http:")) return config;
  // The library refuses plain HTTP unless verification is off; without TLS there is nothing to verify.
  const plain = new KubeConfig();
  plain.loadFromOptions({
    clusters: [{ ...cluster, skipTLSVerify: true }],
    users: config.users,
    contexts: config.contexts,
    currentContext: config.currentContext,
  });
  return plain;
}

async function requestOptions(config: KubeConfig): Promise<RequestOptions> {
  const options: RequestOptions = { headers: {} };
  try {
    await config.applyToHTTPSOptions(options);
  } catch (cause) {
    throw new AppError("kubeconfig", "Cannot get the credentials that the kubeconfig names", { cause });
  }
  return options;
}

function pem(value: NonNullable<RequestOptions["ca"] | RequestOptions["key"]>): string {
  const parts = Array.isArray(value) ? value : [value];
  return parts.map((part) => typeof part === "string" || Buffer.isBuffer(part) ? part.toString() : "").join(
    "\n",
  );
}
