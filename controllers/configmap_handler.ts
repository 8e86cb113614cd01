/**
 * Distributes what the watch of ConfigMaps reports to the queues of the destinations that need it.
 *
 * @module
 */
import type { Clock } from "../lib/clock.ts";
import { formatKey, keyOf, type ObjectKey, type PartialObject } from "../lib/kube/objects.ts";
import type { ReflectorHandler } from "../lib/kube/reflector.ts";
import type { WorkQueue } from "../lib/kube/work_queue.ts";
import { configMapState, deferralLeft } from "./configmap_state.ts";
import { type Destination, isDone } from "./destination.ts";

/** A destination and its own queue, so that it waits for no other. */
export interface DestinationQueue {
  readonly destination: Destination;
  readonly queue: WorkQueue;
}

/** How many ConfigMaps wait for a destination, by state. */
export type WaitingCounts = Readonly<Record<"pending" | "deferred", number>>;

/** Sees ConfigMaps, and counts those that wait. */
export interface ConfigMapHandler extends ReflectorHandler {
  /** Counts for one destination. */
  counts(destination: Destination): WaitingCounts;
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
  const waiting = new Map(queues.map(({ destination }) => [destination, {
    pending: new Set<string>(),
    deferred: new Set<string>(),
  }]));

  function forget(key: ObjectKey): void {
    for (const { pending, deferred } of waiting.values()) {
      pending.delete(formatKey(key));
      deferred.delete(formatKey(key));
    }
  }

  function enqueue({ destination, queue }: DestinationQueue, object: PartialObject): void {
    const key = keyOf(object);
    const state = configMapState(object, destination);
    const sets = waiting.get(destination);
    if (state.kind === "pending" || state.kind === "deferred") sets?.[state.kind].add(formatKey(key));
    if (state.kind === "pending") queue.add(key);
    if (state.kind === "deferred" && options.deferredEnabled) {
      queue.addAfter(key, deferralLeft(state.untilMs, clock.now()));
    }
    if (destination !== queues[0].destination) return;
    const isUnmarked = state.kind === "done" && queues.every((other) => isDone(object, other.destination));
    if (isUnmarked || state.kind === "processed" && options.burnAfterReading) queue.add(key);
  }

  return {
    onObject(object) {
      forget(keyOf(object));
      for (const queue of queues) enqueue(queue, object);
    },
    onGone(key) {
      forget(key);
      // A key that is queued already finds nothing to do.
      for (const { queue } of queues) queue.forget(key);
    },
    counts(destination) {
      const sets = waiting.get(destination);
      return { pending: sets?.pending.size ?? 0, deferred: sets?.deferred.size ?? 0 };
    },
  };
}
