/**
 * What the program writes on an insights ConfigMap: one server-side apply for each outcome, which only takes
 * effect on the very version that was read, and costs the least of all kinds of writes.
 *
 * @module
 */
import type { KubeClient } from "../lib/kube/client.ts";
import { keyOf, type PartialObject, RESOURCES } from "../lib/kube/objects.ts";
import { ANNOTATIONS, LABELS } from "../lib/lagoon.ts";
import { retryCount } from "./configmap_state.ts";

/** The labels and annotations that stand for an outcome; what of ours is not among them is removed. */
export interface Marks {
  /** By name. */
  readonly labels: Readonly<Record<string, string>>;
  /** By name. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** Longest error text in an annotation, in characters. */
const LONGEST_ERROR = 1000;

/** Marks of a ConfigMap that every destination has confirmed. */
export function processedMarks(object: PartialObject, nowMs: number): Marks {
  return {
    // A label's value can't hold the colons of a time; the time stands in the annotation.
    labels: { [LABELS.processed]: "true" },
    annotations: {
      [ANNOTATIONS.processed]: new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z"),
      [ANNOTATIONS.coreStatus]: "success",
      [ANNOTATIONS.retries]: String(retryCount(object)),
    },
  };
}

/** Marks of a ConfigMap that is to be tried again at a time. */
export function deferredMarks(object: PartialObject, untilMs: number, error: string): Marks {
  return {
    labels: { [LABELS.deferred]: String(Math.ceil(untilMs / 1000)) },
    annotations: failureAnnotations(retryCount(object) + 1, error),
  };
}

/** Marks of a ConfigMap that has failed as often as the operator allows. */
export function givenUpMarks(object: PartialObject, error: string): Marks {
  return {
    labels: { [LABELS.givenUp]: "true" },
    annotations: failureAnnotations(retryCount(object) + 1, error),
  };
}

/** Marks of a ConfigMap that can't be sent as it is; no label, so that any change to it is seen. */
export function refusedMarks(object: PartialObject, error: string): Marks {
  return { labels: {}, annotations: failureAnnotations(retryCount(object), error) };
}

/** Whether a ConfigMap carries exactly these annotations already. */
export function hasAnnotations({ metadata }: PartialObject, { annotations }: Marks): boolean {
  return Object.entries(annotations).every(([name, value]) => metadata.annotations?.[name] === value);
}

function failureAnnotations(retries: number, error: string): Record<string, string> {
  return {
    [ANNOTATIONS.coreStatus]: "failure",
    [ANNOTATIONS.coreStatusError]: error.slice(0, LONGEST_ERROR),
    [ANNOTATIONS.retries]: String(retries),
  };
}

/**
 * Writes marks.
 *
 * @throws {KubeError} A conflict (409) when the ConfigMap has changed since it was read, or is gone.
 */
export async function writeMarks(
  kube: Pick<KubeClient, "apply" | "patch">,
  object: PartialObject,
  marks: Marks,
  options: { signal: AbortSignal },
): Promise<void> {
  const key = keyOf(object);
  const { uid, resourceVersion } = object.metadata;
  // With the uid, applying to an object that is gone is a conflict and does not create one.
  const fields = { metadata: { uid, resourceVersion, ...marks } };
  const written = await kube.apply(RESOURCES.configMaps, key, fields, options);
  const leftovers = foreignLeftovers(written, marks);
  if (!leftovers) return;
  const version = { uid, resourceVersion: written.metadata.resourceVersion };
  await kube.patch(RESOURCES.configMaps, key, { metadata: { ...version, ...leftovers } }, options);
}

/** Marks of an earlier outcome that apply can't remove, because the Go remote or a person made them. */
function foreignLeftovers({ metadata }: PartialObject, marks: Marks): ObjectRemovals | undefined {
  const labels = [LABELS.deferred].filter((name) => metadata.labels?.[name] && !marks.labels[name]);
  const annotations = [ANNOTATIONS.coreStatusError].filter((name) =>
    metadata.annotations?.[name] && !marks.annotations[name]
  );
  if (labels.length + annotations.length === 0) return undefined;
  return { labels: removals(labels), annotations: removals(annotations) };
}

interface ObjectRemovals {
  readonly labels: Record<string, null>;
  readonly annotations: Record<string, null>;
}

function removals(names: readonly string[]): Record<string, null> {
  return Object.fromEntries(names.map((name) => [name, null]));
}
