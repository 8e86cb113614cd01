/**
 * Which state of its life an insights ConfigMap is in, read from its labels and annotations alone (contract §2).
 *
 * @module
 */
import type { PartialObject } from "../lib/kube/objects.ts";
import { ANNOTATIONS, LABELS } from "../lib/lagoon.ts";
import { type Destination, isDone, isStopped } from "./destination.ts";

/** A state, named as in docs/architecture.md, seen from one destination. */
export type ConfigMapState =
  /** To be sent now. */
  | { readonly kind: "pending" }
  /** To be sent at a time, in milliseconds since the epoch. */
  | { readonly kind: "deferred"; readonly untilMs: number }
  /** This destination has it; another may not. */
  | { readonly kind: "done" }
  /** This destination doesn't try again until the ConfigMap changes. */
  | { readonly kind: "stopped" }
  /** Sent to all, by this program or by the Go remote. */
  | { readonly kind: "processed" }
  /** Failed as often as the operator allows. */
  | { readonly kind: "given-up" }
  /** Not for this destination. */
  | { readonly kind: "unwanted" }
  /** Not an insights ConfigMap (any more), or on its way out. */
  | { readonly kind: "unrelated" };

/** Reads the state. */
export function configMapState(object: PartialObject, destination: Destination): ConfigMapState {
  const { labels = {}, annotations = {}, deletionTimestamp } = object.metadata;
  if (!(LABELS.insightsType in labels) || deletionTimestamp) return { kind: "unrelated" };
  if (LABELS.processed in labels || ANNOTATIONS.processed in annotations) return { kind: "processed" };
  if (LABELS.givenUp in labels) return { kind: "given-up" };
  if (!destination.wants(object.metadata)) return { kind: "unwanted" };
  if (isDone(object, destination)) return { kind: "done" };
  if (isStopped(object, destination)) return { kind: "stopped" };
  const { kind, name } = destination.retryAfter;
  const deferred = object.metadata[kind]?.[name];
  if (deferred === undefined) return { kind: "pending" };
  // A value that is no time can't be waited for; sending again is the safe reading.
  return { kind: "deferred", untilMs: /^\d+$/.test(deferred) ? Number(deferred) * 1000 : 0 };
}

/** No operator can configure a longer wait, so a time beyond it was written by a clock that is wrong. */
const LONGEST_DEFERRAL_MS = 24 * 60 * 60 * 1000;

/**
 * How long a deferral still lasts, in milliseconds; 0 when it is over, or can't be meant.
 *
 * @param untilMs From the state `deferred`.
 */
export function deferralLeft(untilMs: number, nowMs: number): number {
  const left = untilMs - nowMs;
  return left > LONGEST_DEFERRAL_MS ? 0 : Math.max(0, left);
}

/**
 * The label selector for ConfigMaps that may need work. Processed ones only matter when they are to be burned.
 */
export function configMapSelector(burnAfterReading: boolean): string {
  const needed = [LABELS.insightsType, `!${LABELS.givenUp}`];
  return (burnAfterReading ? needed : [...needed, `!${LABELS.processed}`]).join(",");
}
