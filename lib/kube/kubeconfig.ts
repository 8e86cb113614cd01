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

/** The context that the library makes up, for localhost:8080, when it finds no kubeconfig. */
const GUESSED_CONTEXT = "loaded-context";

/**
 * Access through the current context of the kubeconfig: the files in `KUBECONFIG`, else `~/.kube/config`.
 *
 * @throws {AppError} Code `kubeconfig` when there is none, it has no current context, or it asks for something
 *   that is not supported (TLS without verification).
 */
export function kubeconfigAccess(clock: Clock): ClusterAccess {
  const config = load();
  const cluster = config.getCurrentCluster();
  if (!cluster || config.currentContext === GUESSED_CONTEXT) {
    throw new AppError(
      "kubeconfig",
      "Cannot find the API server as this is not a pod and no kubeconfig names one: set KUBECONFIG, or a current context in ~/.kube/config",
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
  let current: { client: Deno.HttpClient; headers: Record<string, string>; readAt: number } | undefined;

  async function fresh(): Promise<{ client: Deno.HttpClient; headers: Record<string, string> }> {
    if (current && clock.now() - current.readAt < RENEW_AFTER_MS) return current;
    const options = await requestOptions(config);
    const { ca, cert, key } = options;
    const identity = cert && key ? { cert: pem(cert), key: pem(key) } : undefined;
    const client = createClient(ca ? [pem(ca)] : [], identity);
    current?.client.close();
    current = { client, headers: options.headers as Record<string, string>, readAt: clock.now() };
    return current;
  }

  return {
    server: cluster.server.replace(/\/+$/, ""),
    httpClient: async () => (await fresh()).client,
    headers: async () => (await fresh()).headers,
    invalidate: () => {
      if (current) current = { ...current, readAt: Number.NEGATIVE_INFINITY };
    },
    close: () => {
      current?.client.close();
      current = undefined;
    },
  };
}

function load(): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromDefault();
  } catch (cause) {
    throw new AppError("kubeconfig", "Cannot read the kubeconfig", { cause });
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
