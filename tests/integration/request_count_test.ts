/** The number of requests that the program sends to the API server. */
import assert from "node:assert/strict";
import type { ApiServer } from "../fixtures/api_server/mod.ts";
import { startApiServer } from "../fixtures/api_server/mod.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { issueToken } from "../../lib/tokens.ts";
import { type RunOptions, SECRET, startProgram } from "../suites/harness.ts";

/** Requests of the program since a mark, by verb and resource. */
function requestsSince(server: ApiServer, mark: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { verb, resource } of server.requests.slice(mark)) {
    counts[`${verb} ${resource}`] = (counts[`${verb} ${resource}`] ?? 0) + 1;
  }
  return counts;
}

/** Most objects in a cluster are not Lagoon's: every list and watch must have a selector. */
function assertSelective(server: ApiServer, mark: number): void {
  const lists = server.requests.slice(mark).filter(({ verb }) => verb === "list" || verb === "watch");
  assert.ok(lists.length > 0);
  for (const { path, query } of lists) assert.ok(query["labelSelector"] || query["fieldSelector"], path);
}

interface Run {
  readonly options: RunOptions;
  readonly prepare: (cluster: TestCluster) => Promise<void>;
  readonly isDone: (server: ApiServer) => boolean;
  /** Creates work that the program gets to only after everything else, so that no late request is missed. */
  readonly createLast?: (cluster: TestCluster) => Promise<unknown>;
}

/** Counts the requests from the program's start until it is done. */
async function countRequests({ options, prepare, isDone, createLast }: Run): Promise<Record<string, number>> {
  await using server = startApiServer({ token: "token" });
  using cluster = new TestCluster({ url: server.url, token: "token" });
  await prepare(cluster);
  const mark = server.requests.length;
  {
    // Stopped before the counting, so that every request has been answered, and thus counted.
    await using _program = startProgram(cluster, options);
    await server.until(() => isDone(server));
    await createLast?.(cluster);
    await server.until(() => isDone(server));
  }
  assertSelective(server, mark);
  return requestsSince(server, mark);
}

const COUNT = 20;
const createConfigMap = (cluster: TestCluster, name: string) =>
  cluster.create("configmaps", "main", sbomConfigMap({ name }));

/** Counts what ConfigMaps cost; one more, which is created when the others are done, is counted too. */
function countForConfigMaps(
  configMaps: NonNullable<RunOptions["configMaps"]>,
  isDone: (server: ApiServer) => boolean,
): Promise<Record<string, number>> {
  return countRequests({
    options: { tokens: false, configMaps },
    prepare: async (cluster) => {
      await cluster.createNamespace("main", LAGOON_NAMESPACE_LABELS);
      for (let i = 1; i < COUNT; i++) await createConfigMap(cluster, `sbom-${i}`);
    },
    isDone,
    createLast: (cluster) => createConfigMap(cluster, "last"),
  });
}

const WATCHING = { "list configmaps": 1, "watch configmaps": 1 };
/** Of the test itself. */
const CREATED_LAST = { "create configmaps": 1 };

Deno.test("a ConfigMap costs one read and one write, and all of a namespace together one read of the namespace", async () => {
  const isProcessed = (server: ApiServer) =>
    server.list("configmaps").every(({ metadata }) => metadata.labels?.["lagoon.sh/insightsProcessed"]);
  assert.deepEqual(await countForConfigMaps({}, isProcessed), {
    ...WATCHING,
    ...CREATED_LAST,
    "get configmaps": COUNT,
    "get namespaces": 1,
    "apply configmaps": COUNT,
  });
});

Deno.test("with burn after reading the only write is the delete", async () => {
  const isEmpty = (server: ApiServer) => server.list("configmaps").length === 0;
  assert.deepEqual(await countForConfigMaps({ burnAfterReading: true }, isEmpty), {
    ...WATCHING,
    ...CREATED_LAST,
    "get configmaps": COUNT,
    "get namespaces": 1,
    "delete configmaps": COUNT,
  });
});

Deno.test("a start among valid Secrets costs two lists, no read and no write", async () => {
  const prepare = async (cluster: TestCluster) => {
    for (let i = 0; i < COUNT; i++) {
      const namespace = `proj-${i}`;
      await cluster.createNamespace(namespace, LAGOON_NAMESPACE_LABELS);
      const environment = { namespace, environmentId: "3", projectName: "proj", environmentName: "main" };
      await cluster.create("secrets", namespace, {
        metadata: {
          name: "insights-token",
          labels: { "lagoon.sh/insights-token": "true", "lagoon.sh/dynamic-secret": "insights-token" },
        },
        type: "Opaque",
        data: { INSIGHTS_TOKEN: btoa(issueToken(SECRET, environment)) },
      });
    }
    // Listed last, so when it has its Secret, the program has checked the other namespaces.
    await cluster.createNamespace("without-secret", LAGOON_NAMESPACE_LABELS);
  };
  const isDone = (server: ApiServer) =>
    server.get("secrets", "without-secret", "insights-token") !== undefined;
  assert.deepEqual(await countRequests({ options: {}, prepare, isDone }), {
    ...WATCHING,
    "list namespaces": 1,
    "watch namespaces": 1,
    "list secrets": 1,
    "watch secrets": 1,
    "get namespaces": 1,
    "get secrets": 1,
    "create secrets": 1,
  });
});
