/**
 * Distributes what the watch of ConfigMaps reports to the queues of the destinations that need it.
 *
 * @module
 */
import type { Clock } from "../lib/clock.ts";
import { formatKey, keyOf, type PartialObject } from "../lib/kube/objects.ts";
import type { ReflectorHandler } from "../lib/kube/reflector.ts";
import type { WorkQueue } from "../lib/kube/work_queue.ts";
import { configMapState, type Destination, isDone } from "./destination.ts";

/** A destination and its own queue, so that it waits for no other. */
export interface DestinationQueue {
  readonly destination: Destination;
  readonly queue: WorkQueue;
}

/** Sees ConfigMaps, and counts those that wait. */
export interface ConfigMapHandler extends ReflectorHandler {
  /** Counts for one destination, by state. */
  counts(destination: Destination): Readonly<Record<"pending" | "deferred", number>>;
}

/**
 * Queues ConfigMaps: pending ones at once, deferred ones at their time.
 *
 * @param queues The first one also burns processed ConfigMaps, and marks those that every destination has.
 */
export function configMapHandler(
  queues: readonly [DestinationQueue, ...DestinationQueue[]],
  clock: Clock,
  options: { readonly burnAfterReading: boolean; readonly deferredEnabled: boolean },
): ConfigMapHandler {
  /** By destination, the state of each ConfigMap that waits. */
  const waiting = new Map(
    queues.map(({ destination }) => [destination, new Map<string, "pending" | "deferred">()]),
  );

  function enqueue({ destination, queue }: DestinationQueue, object: PartialObject): void {
    const key = keyOf(object);
    const state = configMapState(object, destination, clock.now());
    const waits = state.kind === "pending" || state.kind === "deferred";
    if (waits) waiting.get(destination)?.set(formatKey(key), state.kind);
    else waiting.get(destination)?.delete(formatKey(key));
    if (state.kind === "pending") queue.add(key);
    if (state.kind === "deferred" && options.deferredEnabled) queue.addAfter(key, state.leftMs);
    if (destination !== queues[0].destination) return;
    const isUnmarked = state.kind === "done" && queues.every((other) => isDone(object, other.destination));
    if (isUnmarked || state.kind === "processed" && options.burnAfterReading) queue.add(key);
  }

  return {
    onObject(object) {
      for (const queue of queues) enqueue(queue, object);
    },
    onGone(key) {
      for (const { destination, queue } of queues) {
        waiting.get(destination)?.delete(formatKey(key));
        // A key that is queued already finds nothing to do.
        queue.forget(key);
      }
    },
    counts(destination) {
      const states = [...waiting.get(destination)?.values() ?? []];
      const deferred = states.filter((state) => state === "deferred").length;
      return { pending: states.length - deferred, deferred };
    },
  };
}
