/** Single calls of the token controller's reconcile function; everything else is in tests/suites/token_suite.ts. */
import assert from "node:assert/strict";
import { createTokenController, type TokenSecretOptions } from "../../controllers/token_secret.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { createKubeClient, type KubeClient } from "../../lib/kube/client.ts";
import { isConflict } from "../../lib/kube/errors.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { ManualClock } from "../fixtures/clock.ts";
import { startApiServer } from "../fixtures/api_server/mod.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { LAGOON_NAMESPACE_LABELS } from "../fixtures/objects.ts";
import { MemoryLogger } from "../fixtures/recorders.ts";

const NAMESPACE = "proj-main";
const NAME = "insights-token";
const LABELS = { "lagoon.sh/insights-token": "true", "lagoon.sh/dynamic-secret": NAME };

/** An environment's namespace on an embedded API server, and the reconcile function with a client that a test may change. */
async function setUp(
  { change = () => ({}), clock = systemClock, random = () => 0, ...options }: Partial<TokenSecretOptions> & {
    change?: (client: KubeClient, cluster: TestCluster) => Partial<KubeClient>;
    clock?: Clock;
    random?: () => number;
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
    clock,
    random,
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

const TEN_MINUTES = 10 * 60_000;

/** A Secret that someone breaks again and again, under a manual clock. */
async function setUpRepairs(random: () => number) {
  const clock = new ManualClock();
  const scene = await setUp({ clock, random });
  await scene.cluster.create("secrets", NAMESPACE, { metadata: { name: NAME, labels: LABELS } });
  const dataOf = async () => (await scene.cluster.get("secrets", NAMESPACE, NAME))?.data?.["INSIGHTS_TOKEN"];
  return {
    ...scene,
    clock,
    /** Repairs the Secret, breaks it, and returns how long the next repair has to wait, in milliseconds. */
    async repairAndBreak(): Promise<number | undefined> {
      assert.deepEqual(await scene.reconcile(), {});
      assert.notEqual(await dataOf(), undefined, "repaired");
      const broken = { metadata: { name: NAME, labels: LABELS } };
      await scene.cluster.replace("secrets", NAMESPACE, broken);
      const { requeueAfterMs } = await scene.reconcile();
      assert.equal(await dataOf(), undefined, "left until the pause is over");
      return requeueAfterMs;
    },
  };
}

Deno.test("the pause after a repair doubles with each repair, up to five minutes", async () => {
  // Without jitter, the pause has its full length.
  await using scene = await setUpRepairs(() => 1);
  const pauses: number[] = [];
  for (let repairs = 0; repairs < 10; repairs++) {
    const pause = await scene.repairAndBreak() ?? 0;
    pauses.push(pause / 1000);
    await scene.clock.advance(pause - 1);
    assert.deepEqual(await scene.reconcile(), { requeueAfterMs: 1 });
    await scene.clock.advance(1);
  }
  assert.deepEqual(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
});

Deno.test("replicas don't repair in step: the pause has jitter", async () => {
  await using scene = await setUpRepairs(() => 0);
  assert.equal(await scene.repairAndBreak(), 1000);
});

Deno.test("a Secret that needs no repair for ten minutes after its pause starts again with a short one", async () => {
  for (const [quiet, pause] of [[TEN_MINUTES - 1, 4000], [TEN_MINUTES, 2000]] as const) {
    await using scene = await setUpRepairs(() => 1);
    await scene.repairAndBreak();
    await scene.clock.advance(2000 + quiet);
    assert.equal(await scene.repairAndBreak(), pause);
  }
});
