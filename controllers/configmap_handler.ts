/**
 * Puts insights ConfigMaps in line for each destination that waits for them, as the one watch of ConfigMaps tells of them.
 *
 * @module
 */
import type { Clock } from "../lib/clock.ts";
import { formatKey, keyOf, type ObjectKey, type PartialObject } from "../lib/kube/objects.ts";
import type { ReflectorHandler } from "../lib/kube/reflector.ts";
import type { WorkQueue } from "../lib/kube/work_queue.ts";
import { configMapState, deferralLeft } from "./configmap_state.ts";
import { type Destination, isDone } from "./destination.ts";

/** A destination's own queue, so that it waits for no other. */
export interface Lane {
  /** Whose it is. */
  readonly destination: Destination;
  /** What waits for it. */
  readonly queue: WorkQueue;
}

/** How many ConfigMaps there are in each state that waits for something. */
export type WaitingCounts = Readonly<Record<"pending" | "deferred", number>>;

/** Sees ConfigMaps, and counts those that are not done. */
export interface ConfigMapHandler extends ReflectorHandler {
  /** Those that wait for a destination. */
  counts(destination: Destination): WaitingCounts;
}

/**
 * Puts ConfigMaps in line: pending ones now, deferred ones at their time.
 *
 * @param lanes The first one also burns what is processed, and marks what all others have without being marked.
 */
export function configMapHandler(
  lanes: readonly [Lane, ...Lane[]],
  clock: Clock,
  options: { readonly burnAfterReading: boolean; readonly deferredEnabled: boolean },
): ConfigMapHandler {
  const waiting = new Map(lanes.map(({ destination }) => [destination, {
    pending: new Set<string>(),
    deferred: new Set<string>(),
  }]));

  function forget(key: ObjectKey): void {
    for (const { pending, deferred } of waiting.values()) {
      pending.delete(formatKey(key));
      deferred.delete(formatKey(key));
    }
  }

  function look({ destination, queue }: Lane, object: PartialObject): void {
    const key = keyOf(object);
    const state = configMapState(object, destination);
    const sets = waiting.get(destination);
    if (state.kind === "pending" || state.kind === "deferred") sets?.[state.kind].add(formatKey(key));
    if (state.kind === "pending") queue.add(key);
    if (state.kind === "deferred" && options.deferredEnabled) {
      queue.addAfter(key, deferralLeft(state.untilMs, clock.now()));
    }
    if (destination !== lanes[0].destination) return;
    const isLeftOver = state.kind === "done" && lanes.every((lane) => isDone(object, lane.destination));
    if (isLeftOver || state.kind === "processed" && options.burnAfterReading) queue.add(key);
  }

  return {
    onObject(object) {
      forget(keyOf(object));
      for (const lane of lanes) look(lane, object);
    },
    onGone(key) {
      forget(key);
      // A key that is still in line finds nothing to do when its turn comes.
      for (const { queue } of lanes) queue.forget(key);
    },
    counts(destination) {
      const sets = waiting.get(destination);
      return { pending: sets?.pending.size ?? 0, deferred: sets?.deferred.size ?? 0 };
    },
  };
}
