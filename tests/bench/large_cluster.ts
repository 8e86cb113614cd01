/**
 * Clusters with many Lagoon namespaces whose Secrets are good, and many ConfigMaps that wait: where they live, and how
 * they get there.
 *
 * @module
 */
import { LABELS, TOKEN_SECRET } from "../../lib/lagoon.ts";
import { issueToken } from "../../lib/tokens.ts";
import { type ApiServer, type RequestRecord, startApiServer } from "../fixtures/api_server/mod.ts";
import { createCertificates } from "../fixtures/certificates.ts";
import type { TestCluster } from "../fixtures/cluster.ts";
import { inParallel } from "../fixtures/in_parallel.ts";
import { startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { sbomConfigMap } from "../fixtures/objects.ts";
import { SECRET } from "./scene.ts";

/** An API server for one measurement, and how to see from it what the program has done. */
export interface ScaleServer extends AsyncDisposable {
  /** `https://host:port`. */
  readonly url: string;
  /** The CA that its certificate is verified with, PEM. */
  readonly caCertificate: string;
  /** Says who the program and the test are. */
  readonly token: string;
  /** Requests from now on, by verb and resource; none where they can't be counted. */
  countFromNow(): () => Readonly<Record<string, number>>;
}

/** The embedded API server, which counts requests. */
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

/** A real kube-apiserver, from the folder in `KUBEBUILDER_ASSETS`. */
export async function startReal(): Promise<ScaleServer> {
  const { url, caCertificate, token, [Symbol.asyncDispose]: dispose } = await startKubeApiserver();
  return { url, caCertificate, token, countFromNow: () => () => ({}), [Symbol.asyncDispose]: dispose };
}

/** Eight environments a project; every name and id is one of its own, as it is in a cluster. */
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

/** Lagoon namespaces from one number to before another, each with a good Secret. */
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
  // Only now: kube-apiserver waits 50 ms before it creates something in a namespace that it has just learned of.
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

/** ConfigMaps that wait, over so many of the namespaces in turn, each with so many bytes of base64. */
export async function createConfigMaps(
  cluster: TestCluster,
  { count, namespaces, bytes }: { count: number; namespaces: number; bytes: number },
): Promise<void> {
  const binaryData = { "nginx.cyclonedx.json.gz": "H4sI".repeat(bytes / 4) };
  await inParallel(count, async (index) => {
    const { namespace } = environmentOf(index % namespaces);
    await cluster.create("configmaps", namespace, sbomConfigMap({ name: `sbom-${index}`, binaryData }));
  });
}

/**
 * Counts requests but those that ask for one object, as a test does to learn whether something still waits.
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
