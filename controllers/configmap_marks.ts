/**
 * The marks on an insights ConfigMap: which labels and annotations record an attempt, and how they are written. Each attempt is one
 * request, conditional on the version that was read. It is a server-side apply, the cheapest write, unless a mark has to be
 * removed that another field manager owns.
 *
 * @module
 */
import { FIELD_MANAGER, type KubeClient } from "../lib/kube/client.ts";
import { keyOf, type ObjectMeta, type PartialObject, RESOURCES } from "../lib/kube/objects.ts";
import { ANNOTATIONS, LABELS } from "../lib/lagoon.ts";
import {
  type Destination,
  type DestinationScope,
  GIVEN_UP,
  isDone,
  isStopped,
  type MarkName,
  type Status,
} from "./destination.ts";

/** The labels and annotations that a ConfigMap should have. Our other marks are removed. */
export interface Marks {
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
}

/** The result of one attempt at a destination. */
export interface Attempt {
  readonly status: Status;
  /** Failed attempts so far. */
  readonly retries: number;
  readonly error?: string;
  /** Time of the next attempt, in milliseconds since the epoch. */
  readonly retryAt?: number;
  /** A value of {@link Destination.stopped}. */
  readonly stopped?: string;
}

/** Longest error in an annotation, in characters. */
const MAX_ERROR_LENGTH = 1000;

/**
 * The marks of a ConfigMap after an attempt. Those of other destinations stay. Once every destination has the ConfigMap, it is
 * marked as processed; once none makes another attempt and one has given up, as given up.
 */
export function marksAfter(
  object: PartialObject,
  { destination, all }: DestinationScope,
  { status, retries, error, retryAt, stopped }: Attempt,
  nowMs: number,
): Marks {
  const marks: Marks = { labels: {}, annotations: {} };
  const { labels, annotations } = marks;
  for (const { kind, name } of all.filter((other) => other !== destination).flatMap(markNames)) {
    const value = object.metadata[kind]?.[name];
    if (value !== undefined) marks[kind][name] = value;
  }
  annotations[destination.status] = status;
  annotations[destination.retries] = String(retries);
  if (error !== undefined) annotations[destination.error] = error.slice(0, MAX_ERROR_LENGTH);
  if (stopped !== undefined) annotations[destination.stopped] = stopped;
  const { kind, name } = destination.retryAfter;
  if (retryAt !== undefined) marks[kind][name] = String(Math.ceil(retryAt / 1000));

  const { metadata } = object;
  const after = { metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } } };
  const isOver = (one: Destination) => isDone(after, one) || isStopped(after, one);
  if (all.every((one) => isDone(after, one))) {
    // A label's value can't hold a time's colons, so the annotation has the time.
    labels[LABELS.processed] = "true";
    annotations[ANNOTATIONS.processed] = new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z");
  } else if (all.every(isOver) && all.some((one) => annotations[one.stopped] === GIVEN_UP)) {
    labels[LABELS.givenUp] = "true";
    // Removing the label must make every destination try again.
    for (const one of all) if (annotations[one.stopped] === GIVEN_UP) delete annotations[one.stopped];
  }
  return marks;
}

/**
 * Writes marks in one request.
 *
 * @param all The destinations whose other marks are removed.
 * @throws {KubeError} A conflict (409) when the ConfigMap has changed since it was read; 404 or 409 when it is gone.
 */
export async function writeMarks(
  kube: Pick<KubeClient, "apply" | "patch">,
  object: PartialObject,
  { labels, annotations }: Marks,
  all: readonly Destination[],
  signal: AbortSignal,
): Promise<void> {
  // With the uid, applying to an object that is gone is a conflict and does not create one.
  const { uid, resourceVersion } = object.metadata;
  const marks: Record<MarkName["kind"], Record<string, string | null>> = {
    labels: { ...labels },
    annotations: { ...annotations },
  };
  const left = all.flatMap(markNames).filter(({ kind, name }) =>
    object.metadata[kind]?.[name] !== undefined && marks[kind][name] === undefined
  );
  // An apply removes what only we own, but not marks that the Go remote or a person set, too.
  const verb = left.every((mark) => isOurs(object.metadata, mark)) ? "apply" : "patch";
  if (verb === "patch") {
    for (const { kind, name } of left) marks[kind][name] = null;
  }
  const fields = { metadata: { uid, resourceVersion, ...marks } };
  await kube[verb](RESOURCES.configMaps, keyOf(object), fields, { signal });
}

/** All marks that a destination may have written. */
function markNames({ status, error, retries, stopped, retryAfter }: Destination): MarkName[] {
  const annotations = [status, error, retries, stopped];
  return [...annotations.map((name) => ({ kind: "annotations" as const, name })), retryAfter];
}

/** Whether nobody but our earlier applies owns a label or annotation, by the FieldsV1 that the API server records. */
function isOurs({ managedFields = [] }: ObjectMeta, { kind, name }: MarkName): boolean {
  const owners = managedFields.filter(({ fieldsV1 }) => {
    const fields = fieldsV1 as { "f:metadata"?: Record<string, object | undefined> } | undefined;
    return `f:${name}` in (fields?.["f:metadata"]?.[`f:${kind}`] ?? {});
  });
  return owners.length > 0 &&
    owners.every(({ manager, operation }) => manager === FIELD_MANAGER && operation === "Apply");
}
