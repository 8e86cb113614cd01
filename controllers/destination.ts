/**
 * The destinations of insights ConfigMaps: Lagoon core, and Dependency-Track servers. Each records its own status, error and
 * retries on the ConfigMap, so that one that has it never gets it again, and one that fails delays no other.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { ObjectMeta, PartialObject } from "../lib/kube/objects.ts";
import { ANNOTATIONS, LABELS } from "../lib/lagoon.ts";

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
  /** Label or annotation with the Unix seconds of the next attempt. */
  readonly retryAfter: { readonly kind: "labels" | "annotations"; readonly name: string };
  /** Annotation that says why there are no more attempts: {@link GIVEN_UP}, or a value of {@link refusalOf}. */
  readonly stopped: string;
  /** Whether a ConfigMap is for this destination, judged by its metadata. */
  wants(metadata: ObjectMeta): boolean;
}

/** One destination among all that are enabled: writing its marks keeps the marks of the others. */
export interface DestinationScope {
  readonly destination: Destination;
  /** Includes `destination`. */
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
export function trackDestination(
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
    JSON.stringify([described, annotations[ANNOTATIONS.trackEndpoint]]),
  );
  return `refused-${hash.digest("hex").slice(0, 12)}`;
}

function isSbom({ labels = {} }: ObjectMeta): boolean {
  return (labels[LABELS.type] ?? (labels[LABELS.insightsType] === "sbom-gz" ? "sbom" : "")) === "sbom";
}
