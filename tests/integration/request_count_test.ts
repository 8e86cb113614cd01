/** How many requests the program costs the API server, whatever the time they take. */
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

/** In a cluster most objects are not ours: none of them may be asked for. */
function assertSelective(server: ApiServer, mark: number): void {
  const lists = server.requests.slice(mark).filter(({ verb }) => verb === "list" || verb === "watch");
  assert.ok(lists.length > 0);
  for (const { path, query } of lists) assert.ok(query["labelSelector"] || query["fieldSelector"], path);
}

/** Counts the requests from the program's start until `done` holds of the server. */
async function countRequests(
  prepare: (cluster: TestCluster) => Promise<void>,
  options: RunOptions,
  done: (server: ApiServer) => boolean,
): Promise<Record<string, number>> {
  await using server = startApiServer({ token: "token" });
  using cluster = new TestCluster({ url: server.url, token: "token" });
  await cluster.createNamespace("main", LAGOON_NAMESPACE_LABELS);
  await prepare(cluster);
  const mark = server.requests.length;
  {
    // Stopped before the counting, so that every request has been answered, and thus counted.
    await using _program = startProgram(cluster, options);
    await server.until(() => done(server));
  }
  assertSelective(server, mark);
  return requestsSince(server, mark);
}

const COUNT = 20;

async function createConfigMaps(cluster: TestCluster): Promise<void> {
  for (let i = 0; i < COUNT; i++) {
    await cluster.create("configmaps", "main", sbomConfigMap({ name: `sbom-${i}` }));
  }
}

const WATCHING = { "list configmaps": 1, "watch configmaps": 1 };

Deno.test("a ConfigMap costs one read of it and one write, and all of a namespace at once one read of that", async () => {
  const isProcessed = (server: ApiServer) =>
    server.list("configmaps").every(({ metadata }) => metadata.labels?.["lagoon.sh/insightsProcessed"]);
  assert.deepEqual(await countRequests(createConfigMaps, { tokens: false }, isProcessed), {
    ...WATCHING,
    "get configmaps": COUNT,
    "get namespaces": 1,
    "apply configmaps": COUNT,
  });
});

Deno.test("with burn after reading the only write is the delete", async () => {
  const isEmpty = (server: ApiServer) => server.list("configmaps").length === 0;
  const options = { tokens: false, configMaps: { burnAfterReading: true } } as const;
  assert.deepEqual(await countRequests(createConfigMaps, options, isEmpty), {
    ...WATCHING,
    "get configmaps": COUNT,
    "get namespaces": 1,
    "delete configmaps": COUNT,
  });
});

Deno.test("a start among good Secrets costs two lists, and no read and no write", async () => {
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
  };
  // Namespace main is the only one without a Secret: when it has one, everything else was looked at before.
  const isDone = (server: ApiServer) => server.get("secrets", "main", "insights-token") !== undefined;
  assert.deepEqual(await countRequests(prepare, {}, isDone), {
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
