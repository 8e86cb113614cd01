/** What no API server does on demand; all else about ConfigMaps is in tests/suites/configmap_suite.ts. */
import assert from "node:assert/strict";
import {
  type ConfigMapDependencies,
  type ConfigMapOptions,
  createConfigMapReconcile,
} from "../../controllers/configmap.ts";
import { coreDestination } from "../../controllers/destination.ts";
import { KubeError } from "../../lib/kube/errors.ts";
import type { ConfigMap, PartialObject } from "../../lib/kube/objects.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { ManualClock } from "../fixtures/clock.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { MemoryLogger, RecordingPublisher } from "../fixtures/recorders.ts";

const KEY = { namespace: "main", name: "web" };
const CORE = coreDestination(false);
const { signal } = new AbortController();
const OPTIONS: ConfigMapOptions = {
  burnAfterReading: false,
  deferredEnabled: true,
  maxRetries: 0,
  retryDelayMs: 300_000,
  maxBytesInFlight: 6_000_000,
};

function configMap(resourceVersion: string, marks: Record<string, string> = {}): ConfigMap {
  const { metadata, binaryData = {} } = sbomConfigMap({ name: "web" });
  const labels = { ...metadata.labels, ...marks };
  return { metadata: { ...metadata, labels, namespace: "main", uid: "1", resourceVersion }, binaryData };
}

const NAMESPACE: PartialObject = {
  metadata: { name: "main", uid: "2", resourceVersion: "1", labels: { ...LAGOON_NAMESPACE_LABELS } },
};

/** An API server that reads back `world.current`, and does with marks what `world.apply` says. */
function setUp() {
  const publisher = new RecordingPublisher();
  const world = { current: configMap("1"), apply: () => Promise.resolve(NAMESPACE) };
  const kube: ConfigMapDependencies["kube"] = {
    // The ConfigMap is the only kind that is read whole.
    get: <T>() => Promise.resolve(world.current as T),
    getMetadata: () => Promise.resolve(NAMESPACE),
    apply: () => world.apply(),
    patch: () => world.apply(),
    delete: () => Promise.resolve(),
  };
  const reconcile = createConfigMapReconcile(
    {
      kube,
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

Deno.test("a mark that failed is written again without sending again", async () => {
  const { world, publisher, reconcile } = setUp();
  world.apply = lostAnswer;
  await assert.rejects(reconcile(KEY, { signal }), KubeError);
  await assert.rejects(reconcile(KEY, { signal }), KubeError);
  world.apply = () => Promise.resolve(NAMESPACE);
  assert.deepEqual(await reconcile(KEY, { signal }), {});
  assert.equal(publisher.messages.length, 1);
});

Deno.test("a rebuild with the same content is sent, also when the answer to the first one's mark was lost", async () => {
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
