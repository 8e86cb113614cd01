/**
 * The state of an insights ConfigMap, read from its labels and annotations alone (docs/protocol.md, ConfigMaps).
 *
 * @module
 */
import type { PartialObject } from "../lib/kube/objects.ts";
import { ANNOTATIONS, LABELS } from "../lib/lagoon.ts";
import { type Destination, isDone, isStopped } from "./destination.ts";

/** A state as one destination sees it. */
export type ConfigMapState =
  | { readonly kind: "pending" }
  /** Sent at a time, in milliseconds since the epoch. */
  | { readonly kind: "deferred"; readonly untilMs: number }
  /** This destination has it. Another may not. */
  | { readonly kind: "done" }
  /** This destination makes no attempt until the ConfigMap changes. */
  | { readonly kind: "stopped" }
  /** Every destination has it, or the Go remote sent it. */
  | { readonly kind: "processed" }
  | { readonly kind: "given-up" }
  | { readonly kind: "unwanted" }
  /** No longer an insights ConfigMap, or being deleted. */
  | { readonly kind: "unrelated" };

/** Reads the state of a ConfigMap. */
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
  // A value that is not a time can't be waited for. Sending is safe.
  return { kind: "deferred", untilMs: /^\d+$/.test(deferred) ? Number(deferred) * 1000 : 0 };
}

/** Longest wait that an operator can configure: a later time comes from a wrong clock. */
const MAX_DEFERRAL_MS = 24 * 60 * 60 * 1000;

/**
 * Remaining time of a deferral in milliseconds; 0 when it is over, or too long to be meant.
 *
 * @param untilMs From the state `deferred`.
 */
export function deferralLeft(untilMs: number, nowMs: number): number {
  const left = untilMs - nowMs;
  return left > MAX_DEFERRAL_MS ? 0 : Math.max(0, left);
}

/** Selects ConfigMaps that may need work. Processed ones do only if they are burned. */
export function configMapSelector(burnAfterReading: boolean): string {
  const needed = [LABELS.insightsType, `!${LABELS.givenUp}`];
  return (burnAfterReading ? needed : [...needed, `!${LABELS.processed}`]).join(",");
}
