/**
 * Shared by the suites of Dependency-Track: SBOMs, servers, and conditions on a ConfigMap.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import type { DependencyTrackOptions } from "../../controllers/dependency_track.ts";
import type { ManualClock } from "../fixtures/clock.ts";
import type { TestObject } from "../fixtures/cluster.ts";
import type { DependencyTrack, KeptProject } from "../fixtures/dependency_track.ts";
import {
  BUILD_ANNOTATIONS,
  LAGOON_NAMESPACE_LABELS,
  SBOM_LABELS,
  sbomConfigMap,
} from "../fixtures/objects.ts";

export const NAME = "lagoon-insights-sbom-nginx";
/** Label of a ConfigMap that every destination has. */
export const PROCESSED = "lagoon.sh/insightsProcessed";
/** Annotation with the status at core. */
export const CORE = "core.insights.lagoon.sh/status";
/** Prefix of the annotations for the operator's server. */
export const DEFAULT = "dependencytrack.insights.lagoon.sh/default";
/** An SBOM without components. */
export const BOM = JSON.stringify({ bomFormat: "CycloneDX", specVersion: "1.6", components: [] });
/** Real time between two steps of a manual clock: longer than the work that a step starts. */
const WORK_MS = 2_000;

/** Labels of the namespace of an environment that is not production. */
export const DEVELOPMENT = { ...LAGOON_NAMESPACE_LABELS, "lagoon.sh/environmentType": "development" };

/** A ConfigMap with an SBOM, whose project at Dependency-Track belongs to one test. */
export function sbom(
  namespace: string,
  { annotations = {}, labels = {}, name = NAME, text = BOM }: SbomParts = {},
) {
  return sbomConfigMap({
    name,
    labels: { ...SBOM_LABELS, "lagoon.sh/service": namespace, ...labels },
    annotations: { ...BUILD_ANNOTATIONS, ...annotations },
    binaryData: { "nginx.cyclonedx.json.gz": gzipSync(text).toString("base64") },
  });
}

/** What differs from a usual SBOM. */
export interface SbomParts {
  /** In addition to those of every build. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** In addition to those of every SBOM. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly text?: string;
}

/** The operator's server. */
export function toDefault(
  track: DependencyTrack,
  more: Partial<DependencyTrackOptions> = {},
): Partial<DependencyTrackOptions> {
  return { server: { endpoint: track.url, key: "track-key", caFile: "" }, ...more };
}

/** The project of a test's SBOM. */
export function leafOf(track: DependencyTrack, namespace: string): KeptProject | undefined {
  return track.projects.find(({ name }) => name === `proj-main-${namespace}`);
}

/** Number of SBOMs that were uploaded for a test. */
export function bomsOf(track: DependencyTrack, namespace: string): number {
  return leafOf(track, namespace)?.boms.length ?? 0;
}

/** Whether every destination has a ConfigMap. */
export const isProcessed = (object: TestObject | undefined) =>
  object?.metadata.labels?.[PROCESSED] !== undefined;
/** Whether a ConfigMap has an annotation, with this value or any. */
export const has = (name: string, value?: string) => (object: TestObject | undefined) => {
  const found = object?.metadata.annotations?.[name];
  return value === undefined ? found !== undefined : found === value;
};

/** Steps after which time has passed in vain. */
const MAX_STEPS = 20_000;

/** Advances the clock in steps until a promise settles, since what each step starts takes real time. */
export async function pass(clock: ManualClock, stepMs: number, what: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = () => isOver = true;
  what.then(over, over);
  for (let steps = 0; !isOver; steps++) {
    if (steps === MAX_STEPS) throw new Error(`Nothing happened in ${MAX_STEPS} steps of ${stepMs} ms`);
    await clock.advance(stepMs);
    const { promise: waited, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, WORK_MS);
    await Promise.race([what.catch(() => {}), waited]);
    clearTimeout(timer);
  }
  await what;
}
