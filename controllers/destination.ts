/**
 * The destinations of insights ConfigMaps: Lagoon core, and Dependency-Track servers. Each records its own status, error and
 * retries on the ConfigMap, so that one that has it never gets it again, and one that fails delays no other. What a destination
 * has to do is read from these labels and annotations alone (docs/protocol.md, "ConfigMaps").
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { ObjectMeta, PartialObject } from "../lib/kube/objects.ts";
import { ANNOTATIONS, LABELS } from "../lib/lagoon.ts";

/** A label or annotation. */
export interface MarkName {
  readonly kind: "labels" | "annotations";
  readonly name: string;
}

/** A destination, and where it records its state on a ConfigMap. */
export interface Destination {
  /** In log lines and metrics, in kebab-case. */
  readonly name: string;
  /** Annotation with the {@link Status}. */
  readonly status: string;
  /** Annotation with the error of the last failure. */
  readonly error: string;
  /** Annotation with the number of failures. */
  readonly retries: string;
  /** Holds the Unix seconds of the next attempt. */
  readonly retryAfter: MarkName;
  /** Annotation that says why there are no more attempts: {@link GIVEN_UP}, or a value of {@link refusalOf}. */
  readonly stopped: string;
  /** Whether a ConfigMap is for this destination, judged by its metadata. */
  wants(metadata: ObjectMeta): boolean;
}

/** One destination among all: writing its marks keeps the marks of the others. */
export interface DestinationScope {
  readonly destination: Destination;
  /** Includes `destination`, and those that are turned off. */
  readonly all: readonly Destination[];
}

/** Value of {@link Destination.stopped} once the maximum of retries is exceeded. */
export const GIVEN_UP = "given-up";

/** Result at a destination; `skipped` needs no other attempt. */
export type Status = "success" | "failure" | "skipped";

/**
 * Lagoon core, through the broker.
 *
 * @param optIn Whether only ConfigMaps that ask for it are sent (`CORE_INSIGHTS_OPT_IN`).
 */
export function coreDestination(optIn: boolean): Destination {
  return {
    name: "core",
    status: ANNOTATIONS.coreStatus,
    error: ANNOTATIONS.coreStatusError,
    retries: ANNOTATIONS.retries,
    retryAfter: { kind: "labels", name: LABELS.deferred },
    stopped: ANNOTATIONS.coreStopped,
    wants: ({ annotations = {} }) =>
      (annotations[ANNOTATIONS.coreEnabled] ?? (optIn ? "false" : "true")) === "true",
  };
}

/**
 * A Dependency-Track server, which takes SBOMs: the operator's, or the one that a site names.
 *
 * @param wants Which SBOMs are for it.
 */
export function dependencyTrackDestination(
  kind: "default" | "custom",
  wants: (metadata: ObjectMeta) => boolean,
): Destination {
  const prefix = `dependencytrack.insights.lagoon.sh/${kind}`;
  return {
    name: kind === "default" ? "dependency-track" : "dependency-track-custom",
    status: `${prefix}-status`,
    error: `${prefix}-status-error`,
    retries: `${prefix}-retries`,
    retryAfter: { kind: "annotations", name: `${prefix}-retry-after` },
    stopped: `${prefix}-stopped`,
    wants: (metadata) => isSbom(metadata) && wants(metadata),
  };
}

/** The state of a ConfigMap as one destination sees it. */
export type ConfigMapState =
  | { readonly kind: "pending" }
  /** Tried again after this time; 0 when it is over. */
  | { readonly kind: "deferred"; readonly leftMs: number }
  /** This destination has it, another may not. */
  | { readonly kind: "done" }
  /** Every destination has it, or the Go remote sent it. */
  | { readonly kind: "processed" }
  /** This destination makes no attempt until the ConfigMap changes. */
  | { readonly kind: "stopped" | "given-up" | "unwanted" }
  /** No longer an insights ConfigMap, or being deleted. */
  | { readonly kind: "unrelated" };

/** Longest wait that an operator can configure: a later time comes from a wrong clock. */
const MAX_DEFERRAL_MS = 24 * 60 * 60 * 1000;

/** Reads the state of a ConfigMap. */
export function configMapState(
  object: PartialObject,
  destination: Destination,
  nowMs: number,
): ConfigMapState {
  const { labels = {}, annotations = {}, deletionTimestamp } = object.metadata;
  if (!(LABELS.insightsType in labels) || deletionTimestamp) return { kind: "unrelated" };
  if (LABELS.processed in labels || ANNOTATIONS.processed in annotations) return { kind: "processed" };
  if (LABELS.givenUp in labels) return { kind: "given-up" };
  if (!destination.wants(object.metadata)) return { kind: "unwanted" };
  if (isDone(object, destination)) return { kind: "done" };
  if (isStopped(object, destination)) return { kind: "stopped" };
  const { kind, name } = destination.retryAfter;
  const retryAt = object.metadata[kind]?.[name];
  if (retryAt === undefined) return { kind: "pending" };
  // A value that is not a time can't be waited for. Sending is safe.
  const leftMs = /^\d+$/.test(retryAt) ? Number(retryAt) * 1000 - nowMs : 0;
  return { kind: "deferred", leftMs: leftMs > MAX_DEFERRAL_MS ? 0 : Math.max(0, leftMs) };
}

/** Selects ConfigMaps that may need work. Processed ones do only if they are burned. */
export function configMapSelector(burnAfterReading: boolean): string {
  const needed = [LABELS.insightsType, `!${LABELS.givenUp}`];
  return (burnAfterReading ? needed : [...needed, `!${LABELS.processed}`]).join(",");
}

/** Number of failed attempts so far. */
export function retryCount({ metadata }: PartialObject, { retries }: Destination): number {
  const count = Number(metadata.annotations?.[retries] ?? 0);
  return Number.isSafeInteger(count) && count >= 0 ? count : 0;
}

/** Whether a destination needs nothing more: it has the ConfigMap, or doesn't want it. */
export function isDone({ metadata }: PartialObject, { status, wants }: Destination): boolean {
  const reached = metadata.annotations?.[status];
  return reached === "success" || reached === "skipped" || !wants(metadata);
}

/** Whether a destination makes no more attempts while the ConfigMap stays as it is. */
export function isStopped({ metadata }: PartialObject, { stopped }: Destination): boolean {
  const mark = metadata.annotations?.[stopped];
  return mark === GIVEN_UP || mark === refusalOf(metadata);
}

/** Value that marks a refusal until the ConfigMap's description changes: its labels, without our marks, and the site's endpoint. */
export function refusalOf({ labels = {}, annotations = {} }: ObjectMeta): string {
  const marks: readonly string[] = [LABELS.processed, LABELS.deferred, LABELS.givenUp];
  const described = Object.entries(labels).filter(([name]) => !marks.includes(name)).sort();
  const hash = createHash("sha256").update(
    JSON.stringify([described, annotations[ANNOTATIONS.dependencyTrackEndpoint]]),
  );
  return `refused-${hash.digest("hex").slice(0, 12)}`;
}

function isSbom({ labels = {} }: ObjectMeta): boolean {
  return (labels[LABELS.type] ?? (labels[LABELS.insightsType] === "sbom-gz" ? "sbom" : "")) === "sbom";
}
