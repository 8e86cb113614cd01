/**
 * The places that an insights ConfigMap goes to. Each keeps its own status, error and retries on the ConfigMap, so that one that
 * has it is not sent it again, and one that fails holds up no other.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { ObjectMeta, PartialObject } from "../lib/kube/objects.ts";
import { ANNOTATIONS, LABELS } from "../lib/lagoon.ts";

/** A place, and where its state stands on a ConfigMap. */
export interface Destination {
  /** In log lines and metrics, in kebab-case. */
  readonly name: string;
  /** Annotation with {@link Status}. */
  readonly status: string;
  /** Annotation with why it failed. */
  readonly error: string;
  /** Annotation with how often it has failed. */
  readonly retries: string;
  /** Label or annotation with the Unix seconds after which to try again. */
  readonly retryAfter: { readonly kind: "labels" | "annotations"; readonly name: string };
  /** Annotation that tells, by {@link GIVEN_UP} or {@link refusalOf}, that it is not tried again. */
  readonly stopped: string;
  /** Whether a ConfigMap is for this place, as far as its metadata tells. */
  wants(metadata: ObjectMeta): boolean;
}

/** Stopped for good: it has failed as often as the operator allows. */
export const GIVEN_UP = "given-up";

/** What became of a ConfigMap at a destination; one that is `skipped` needs no other try. */
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

/** How often sending to a destination has failed so far. */
export function retryCount({ metadata }: PartialObject, { retries }: Destination): number {
  const count = Number(metadata.annotations?.[retries] ?? 0);
  return Number.isSafeInteger(count) && count >= 0 ? count : 0;
}

/** Whether nothing is left to do for a destination. */
export function isDone({ metadata }: PartialObject, { status, wants }: Destination): boolean {
  const reached = metadata.annotations?.[status];
  return reached === "success" || reached === "skipped" || !wants(metadata);
}

/** Whether a destination doesn't try again, as things are. */
export function isStopped({ metadata }: PartialObject, { stopped }: Destination): boolean {
  const mark = metadata.annotations?.[stopped];
  return mark === GIVEN_UP || mark === refusalOf(metadata);
}

/** Stopped until what describes the ConfigMap changes: its labels, but for our marks, and the site's endpoint. */
export function refusalOf({ labels = {}, annotations = {} }: ObjectMeta): string {
  const marks: readonly string[] = [LABELS.processed, LABELS.deferred, LABELS.givenUp];
  const described = Object.entries(labels).filter(([name]) => !marks.includes(name)).sort();
  const hash = createHash("sha256").update(
    JSON.stringify([described, annotations[ANNOTATIONS.trackEndpoint]]),
  );
  return `refused-${hash.digest("hex").slice(0, 12)}`;
}

/** The type in the new spelling wins. */
function isSbom({ labels = {} }: ObjectMeta): boolean {
  return (labels[LABELS.type] ?? (labels[LABELS.insightsType] === "sbom-gz" ? "sbom" : "")) === "sbom";
}
