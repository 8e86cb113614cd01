/** Cases that no API server produces on demand. tests/suites/configmap_suite.ts has the others. */
import assert from "node:assert/strict";
import { createConfigMapReconcile } from "../../controllers/configmap.ts";
import { coreDestination } from "../../controllers/destination.ts";
import type { OutcomeOptions } from "../../controllers/outcomes.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { KubeError } from "../../lib/kube/errors.ts";
import type { ConfigMap, PartialObject } from "../../lib/kube/objects.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { ManualClock } from "../fixtures/clock.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { MemoryLogger, RecordingPublisher } from "../fixtures/recorders.ts";

const KEY = { namespace: "main", name: "web" };
const CORE = coreDestination(false);
const { signal } = new AbortController();
const OPTIONS: OutcomeOptions = {
  burnAfterReading: false,
  deferredEnabled: true,
  maxRetries: 0,
  retryDelayMs: 300_000,
};

function configMap(resourceVersion: string, marks: Record<string, string> = {}): ConfigMap {
  const { metadata, binaryData = {} } = sbomConfigMap({ name: "web" });
  const labels = { ...metadata.labels, ...marks };
  return { metadata: { ...metadata, labels, namespace: "main", uid: "1", resourceVersion }, binaryData };
}

const NAMESPACE: PartialObject = {
  metadata: { name: "main", uid: "2", resourceVersion: "1", labels: { ...LAGOON_NAMESPACE_LABELS } },
};

/** An API server that returns `world.current`, and answers writes of marks with `world.apply`. */
function setUp() {
  const publisher = new RecordingPublisher();
  const world = { current: configMap("1"), apply: () => Promise.resolve(NAMESPACE) };
  const kube: Partial<KubeClient> = {
    // Only the ConfigMap is read whole.
    get: <T>() => Promise.resolve(world.current as T),
    getMetadata: () => Promise.resolve(NAMESPACE),
    apply: () => world.apply(),
    patch: () => world.apply(),
    delete: () => Promise.resolve(),
  };
  const reconcile = createConfigMapReconcile(
    {
      kube: kube as KubeClient,
      publisher,
      events: { warn: () => Promise.resolve() },
      clock: new ManualClock(),
      metrics: createMetrics(),
      log: new MemoryLogger(),
    },
    { destination: CORE, all: [CORE] },
    OPTIONS,
  );
  return { world, publisher, reconcile };
}

const lostAnswer = () => Promise.reject(new KubeError("connection reset", { status: 0 }));

Deno.test("after a failed mark, the mark is written again and the message is not sent again", async () => {
  const { world, publisher, reconcile } = setUp();
  world.apply = lostAnswer;
  await assert.rejects(reconcile(KEY, { signal }), KubeError);
  await assert.rejects(reconcile(KEY, { signal }), KubeError);
  world.apply = () => Promise.resolve(NAMESPACE);
  assert.deepEqual(await reconcile(KEY, { signal }), {});
  assert.equal(publisher.messages.length, 1);
});

Deno.test("a rebuild with the same content is sent, even if the answer to the first mark was lost", async () => {
  const { world, publisher, reconcile } = setUp();
  world.apply = lostAnswer;
  await assert.rejects(reconcile(KEY, { signal }), KubeError);
  world.apply = () => Promise.resolve(NAMESPACE);
  world.current = configMap("2", { "lagoon.sh/insightsProcessed": "true" });
  await reconcile(KEY, { signal });
  world.current = configMap("3");
  await reconcile(KEY, { signal });
  assert.equal(publisher.messages.length, 2);
  assert.equal(publisher.messages[0]?.id, publisher.messages[1]?.id);
});

Deno.test("after a lost mark, another build with the same content is sent", async () => {
  const { world, publisher, reconcile } = setUp();
  world.apply = lostAnswer;
  world.current = configMap("1", { "lagoon.sh/buildName": "lagoon-build-1" });
  await assert.rejects(reconcile(KEY, { signal }), KubeError);
  world.apply = () => Promise.resolve(NAMESPACE);
  world.current = configMap("2", { "lagoon.sh/buildName": "lagoon-build-2" });
  await reconcile(KEY, { signal });
  assert.equal(publisher.messages.length, 2);
  assert.notEqual(publisher.messages[0]?.id, publisher.messages[1]?.id);
});
