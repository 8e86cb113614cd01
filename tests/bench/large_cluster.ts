/**
 * Clusters with many Lagoon namespaces, valid Secrets and pending ConfigMaps.
 *
 * @module
 */
import { ANNOTATIONS, LABELS, TOKEN_SECRET } from "../../lib/lagoon.ts";
import { issueToken } from "../../lib/tokens.ts";
import { type ApiServer, type RequestRecord, startApiServer } from "../fixtures/api_server/mod.ts";
import { createCertificates } from "../fixtures/certificates.ts";
import type { TestCluster } from "../fixtures/cluster.ts";
import { inParallel } from "../fixtures/in_parallel.ts";
import { startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { BUILD_ANNOTATIONS, SBOM_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { sbomOf } from "../fixtures/sboms.ts";
import { SECRET } from "./scene.ts";

/** An API server for one measurement. */
export interface ScaleServer extends AsyncDisposable {
  /** `https://host:port`. */
  readonly url: string;
  /** PEM. */
  readonly caCertificate: string;
  readonly token: string;
  /** Counts requests from now on by verb and resource; empty for a server that doesn't count. */
  countFromNow(): () => Readonly<Record<string, number>>;
}

/** Starts the embedded API server, which counts requests. */
export async function startEmbedded(): Promise<ScaleServer> {
  await using parts = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  const { caCertificate, certificate, key } = await createCertificates(folder);
  const server = parts.use(startApiServer({ token: "token", compactAfter: 1000, tls: { certificate, key } }));
  const running = parts.move();
  return {
    url: server.url,
    caCertificate,
    token: "token",
    countFromNow: () => {
      const last = server.requests.at(-1);
      return () => countRequests(server, last);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Starts a real kube-apiserver, from the folder in `KUBEBUILDER_ASSETS`. */
export async function startReal(): Promise<ScaleServer> {
  const { url, caCertificate, token, [Symbol.asyncDispose]: dispose } = await startKubeApiserver();
  return { url, caCertificate, token, countFromNow: () => () => ({}), [Symbol.asyncDispose]: dispose };
}

/** Eight environments per project; all names and IDs are unique. */
export function environmentOf(index: number) {
  const projectName = `project-${Math.floor(index / 8)}`;
  const environmentName = `branch-${index % 8}`;
  return {
    namespace: `${projectName}-${environmentName}`,
    environmentId: String(index + 1),
    projectName,
    environmentName,
  };
}

/**
 * Creates Lagoon namespaces with valid Secrets.
 *
 * @param from Index of the first namespace.
 * @param to Index after the last namespace.
 */
export async function createNamespaces(cluster: TestCluster, from: number, to: number): Promise<void> {
  await inParallel(to - from, async (offset) => {
    const index = from + offset;
    const { namespace, environmentId, projectName, environmentName } = environmentOf(index);
    await cluster.createNamespace(namespace, {
      [LABELS.project]: projectName,
      [LABELS.environment]: environmentName,
      [LABELS.environmentId]: environmentId,
    });
  });
  // Not in the loop above: kube-apiserver waits 50 ms before it creates an object in a namespace that is new to it.
  await inParallel(to - from, async (offset) => {
    const index = from + offset;
    const environment = environmentOf(index);
    await cluster.create("secrets", environment.namespace, {
      metadata: {
        name: TOKEN_SECRET.name,
        labels: { [LABELS.insightsToken]: "true", [LABELS.dynamicSecret]: TOKEN_SECRET.name },
      },
      type: "Opaque",
      data: { [TOKEN_SECRET.key]: btoa(issueToken(SECRET, environment)) },
    });
  });
}

/** Creates pending ConfigMaps, spread over the namespaces; `bytes` is the size of each in base64. */
export async function createConfigMaps(
  cluster: TestCluster,
  { count, namespaces, bytes }: { count: number; namespaces: number; bytes: number },
): Promise<void> {
  const binaryData = { "nginx.cyclonedx.json.gz": sbomOf(bytes / 1000) };
  await inParallel(count, async (index) => {
    const { namespace, projectName, environmentName } = environmentOf(index % namespaces);
    const labels = {
      ...SBOM_LABELS,
      [LABELS.project]: projectName,
      [LABELS.environment]: environmentName,
    };
    const annotations = { ...BUILD_ANNOTATIONS, [ANNOTATIONS.branch]: environmentName };
    const configMap = sbomConfigMap({ name: `sbom-${index}`, labels, annotations, binaryData });
    await cluster.create("configmaps", namespace, configMap);
  });
}

/**
 * Counts requests, except those with `limit=1`, with which the benchmark polls for pending ConfigMaps.
 *
 * @param last The latest request before the program's start.
 */
function countRequests(server: ApiServer, last: RequestRecord | undefined): Record<string, number> {
  const since = server.requests.findLastIndex((record) => record === last) + 1;
  const counts: Record<string, number> = {};
  for (const { verb, resource, query } of server.requests.slice(since)) {
    if (query["limit"] === "1") continue;
    const name = `${verb} ${resource}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
