/** Single calls of the token controller's reconcile function; everything else is in tests/suites/token_suite.ts. */
import assert from "node:assert/strict";
import { createTokenController, type TokenSecretOptions } from "../../controllers/token_secret.ts";
import { systemClock } from "../../lib/clock.ts";
import { createKubeClient, type KubeClient } from "../../lib/kube/client.ts";
import { isConflict } from "../../lib/kube/errors.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { startApiServer } from "../fixtures/api_server/mod.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { LAGOON_NAMESPACE_LABELS } from "../fixtures/objects.ts";
import { MemoryLogger } from "../fixtures/recorders.ts";

const NAMESPACE = "proj-main";
const NAME = "insights-token";
const LABELS = { "lagoon.sh/insights-token": "true", "lagoon.sh/dynamic-secret": NAME };

/** An environment's namespace on an embedded API server, and the reconcile function with a client that a test may change. */
async function setUp(
  { change = () => ({}), ...options }: Partial<TokenSecretOptions> & {
    change?: (client: KubeClient, cluster: TestCluster) => Partial<KubeClient>;
  } = {},
) {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startApiServer({ token: "t" }));
  const cluster = stack.use(new TestCluster({ url: server.url, token: "t" }));
  const access = cluster.access();
  stack.defer(() => access.close());
  await cluster.createNamespace(NAMESPACE, LAGOON_NAMESPACE_LABELS);
  const client = createKubeClient({ access, clock: systemClock });
  const { reconcile } = createTokenController({
    kube: { ...client, ...change(client, cluster) },
    events: { warn: () => Promise.resolve() },
    clock: systemClock,
    random: () => 0,
    metrics: createMetrics(),
    log: new MemoryLogger(),
  }, { secret: "0123456789", ...options });
  const { signal } = new AbortController();
  const running = stack.move();
  return {
    cluster,
    reconcile: () => reconcile({ namespace: NAMESPACE, name: NAME }, { signal }),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

Deno.test("a repair fails with a conflict when the Secret was changed after it was read", async () => {
  const theirs = { metadata: { name: NAME, labels: LABELS }, data: { INSIGHTS_TOKEN: btoa("theirs") } };
  await using scene = await setUp({
    change: (client, cluster) => ({
      get: async (...request) => {
        const object = await client.get(...request);
        await cluster.replace("secrets", NAMESPACE, theirs);
        return object;
      },
    }),
  });
  await scene.cluster.create("secrets", NAMESPACE, { metadata: { name: NAME, labels: LABELS } });
  await assert.rejects(scene.reconcile(), isConflict);
  assert.deepEqual((await scene.cluster.get("secrets", NAMESPACE, NAME))?.data, theirs.data);
});

Deno.test("a namespace that lost the target label meanwhile gets no Secret", async () => {
  await using scene = await setUp({ targetLabel: "insights.example/target" });
  await scene.reconcile();
  assert.equal(await scene.cluster.get("secrets", NAMESPACE, NAME), undefined);
  await scene.cluster.mark("namespaces", "", NAMESPACE, { labels: { "insights.example/target": "" } });
  await scene.reconcile();
  assert.notEqual(await scene.cluster.get("secrets", NAMESPACE, NAME), undefined);
});
