import assert from "node:assert/strict";
import { configMapHandler } from "../../controllers/configmap_handler.ts";
import { coreDestination, dependencyTrackDestination } from "../../controllers/destination.ts";
import type { PartialObject } from "../../lib/kube/objects.ts";
import { WorkQueue } from "../../lib/kube/work_queue.ts";
import { ManualClock } from "../fixtures/clock.ts";
import { SBOM_LABELS } from "../fixtures/objects.ts";

const KEY = { namespace: "main", name: "web" };
const CORE = coreDestination(false);
const TRACK = dependencyTrackDestination("default", () => true);
const OPTIONS = { burnAfterReading: false, deferredEnabled: true };

function configMap(
  resourceVersion: string,
  labels: Record<string, string> = {},
  annotations: Record<string, string> = {},
): PartialObject {
  return {
    metadata: { ...KEY, uid: "1", resourceVersion, labels: { ...SBOM_LABELS, ...labels }, annotations },
  };
}

Deno.test("waiting ConfigMaps are counted once by state until they are done or deleted", () => {
  const clock = new ManualClock();
  const queue = new WorkQueue({ clock, random: () => 0 });
  const handler = configMapHandler([{ destination: CORE, queue }], clock, OPTIONS);
  const inAnHour = { "lagoon.sh/insightsWriteDeferred": String(clock.now() / 1000 + 3600) };
  handler.onObject(configMap("1"));
  handler.onObject(configMap("1"));
  assert.deepEqual(handler.counts(CORE), { pending: 1, deferred: 0 });
  handler.onObject(configMap("2", inAnHour));
  assert.deepEqual(handler.counts(CORE), { pending: 0, deferred: 1 });
  handler.onObject(configMap("3", { "lagoon.sh/insightsProcessed": "true" }));
  assert.deepEqual(handler.counts(CORE), { pending: 0, deferred: 0 });
  handler.onObject(configMap("4"));
  handler.onGone(KEY);
  assert.deepEqual(handler.counts(CORE), { pending: 0, deferred: 0 });
  queue.close();
});

Deno.test("each destination has its own queue, which holds only what it still needs", () => {
  const clock = new ManualClock();
  const lane = (destination: typeof CORE) => ({
    destination,
    queue: new WorkQueue({ clock, random: () => 0 }),
  });
  const lanes = [lane(CORE), lane(TRACK)] as const;
  const handler = configMapHandler([...lanes], clock, OPTIONS);
  const ready = () => lanes.map(({ queue }) => queue.readyCount);
  handler.onObject(configMap("1", {}, { [CORE.status]: "success" }));
  assert.deepEqual(ready(), [0, 1]);
  assert.deepEqual([handler.counts(CORE).pending, handler.counts(TRACK).pending], [0, 1]);
  handler.onObject(configMap("2"));
  assert.deepEqual(ready(), [1, 1]);
  for (const { queue } of lanes) queue.close();
});

Deno.test("a ConfigMap that every destination has but that is not marked goes to the first queue", () => {
  const clock = new ManualClock();
  const lane = (destination: typeof CORE) => ({
    destination,
    queue: new WorkQueue({ clock, random: () => 0 }),
  });
  const lanes = [lane(CORE), lane(TRACK)] as const;
  const handler = configMapHandler([...lanes], clock, OPTIONS);
  handler.onObject(configMap("1", {}, { [CORE.status]: "success", [TRACK.status]: "success" }));
  assert.deepEqual(lanes.map(({ queue }) => queue.readyCount), [1, 0]);
  for (const { queue } of lanes) queue.close();
});
