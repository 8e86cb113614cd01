/** How many workers each destination has; what they do is in tests/suites. */
import assert from "node:assert/strict";
import { createConfigMapControllers } from "../../controllers/configmap_controllers.ts";
import type { Parts } from "../../controllers/parts.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { ManualClock } from "../fixtures/clock.ts";
import { MemoryLogger, RecordingPublisher } from "../fixtures/recorders.ts";
import { CONFIG_MAPS, TRACK } from "../suites/harness.ts";

function workers(options: { maxConcurrent: number; maxBytesInFlight: number }): Record<string, number> {
  const parts: Parts = {
    // Not called before the controllers run.
    kube: {} as Parts["kube"],
    events: { warn: () => Promise.resolve() },
    publisher: new RecordingPublisher(),
    clock: new ManualClock(),
    random: () => 0,
    newId: () => "id",
    metrics: createMetrics(),
    log: new MemoryLogger(),
    readTextFile: Deno.readTextFile,
  };
  const track = { ...TRACK, maxConcurrent: options.maxConcurrent };
  const controllers = createConfigMapControllers(parts, {
    ...CONFIG_MAPS,
    ...options,
    dependencyTrack: track,
  });
  return Object.fromEntries(controllers.map(({ name, concurrency }) => [name, concurrency]));
}

Deno.test("each destination has as many workers as configured, as long as the largest ConfigMaps fit the memory", () => {
  const atMost = (maxConcurrent: number, maxBytesInFlight: number) =>
    new Set(Object.values(workers({ maxConcurrent, maxBytesInFlight })));
  assert.deepEqual(atMost(2, 6_000_000), new Set([2]));
  assert.deepEqual(atMost(64, 6_000_000), new Set([4]));
  assert.deepEqual(atMost(64, 2_799_999), new Set([1]));
  assert.deepEqual(atMost(64, 2_800_000), new Set([2]));
});
