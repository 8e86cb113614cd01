/**
 * What the program writes on an insights ConfigMap: one request for each outcome, which only takes effect on the very
 * version that was read. It is a server-side apply, the cheapest kind of write, wherever that can do it.
 *
 * @module
 */
import { FIELD_MANAGER, type KubeClient } from "../lib/kube/client.ts";
import { keyOf, type ObjectMeta, type PartialObject, RESOURCES } from "../lib/kube/objects.ts";
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
 * Writes marks, in one request.
 *
 * @throws {KubeError} A conflict (409) when the ConfigMap has changed since it was read; 404 or 409 when it is gone.
 */
export async function writeMarks(
  kube: Pick<KubeClient, "apply" | "patch">,
  object: PartialObject,
  marks: Marks,
  options: { signal: AbortSignal },
): Promise<void> {
  const key = keyOf(object);
  // With the uid, applying to an object that is gone is a conflict and does not create one.
  const { uid, resourceVersion } = object.metadata;
  const leftovers = foreignLeftovers(object, marks);
  const labels = { ...marks.labels, ...removals(leftovers.labels) };
  const annotations = { ...marks.annotations, ...removals(leftovers.annotations) };
  const fields = { metadata: { uid, resourceVersion, labels, annotations } };
  const hasLeftovers = leftovers.labels.length + leftovers.annotations.length > 0;
  await kube[hasLeftovers ? "patch" : "apply"](RESOURCES.configMaps, key, fields, options);
}

/** Marks of an earlier outcome that apply can't remove, since the Go remote or a person made them. */
function foreignLeftovers({ metadata }: PartialObject, marks: Marks) {
  const ours = ownFields(metadata);
  const isLeft = (kind: "labels" | "annotations", name: string) =>
    metadata[kind]?.[name] !== undefined && marks[kind][name] === undefined &&
    ours?.[`f:${kind}`]?.[`f:${name}`] === undefined;
  return {
    labels: [LABELS.deferred].filter((name) => isLeft("labels", name)),
    annotations: [ANNOTATIONS.coreStatusError].filter((name) => isLeft("annotations", name)),
  };
}

/** Fields of the metadata that our earlier applies own, in the form of FieldsV1. */
function ownFields({ managedFields = [] }: ObjectMeta): OwnedFields | undefined {
  const entry = managedFields.find(({ manager, operation }) =>
    manager === FIELD_MANAGER && operation === "Apply"
  );
  const fields = entry?.fieldsV1 as { readonly "f:metadata"?: OwnedFields } | undefined;
  return fields?.["f:metadata"];
}

type OwnedFields = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

function removals(names: readonly string[]): Record<string, null> {
  return Object.fromEntries(names.map((name) => [name, null]));
}
