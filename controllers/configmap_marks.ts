/**
 * The marks on an insights ConfigMap: which labels and annotations record an outcome, and how they are written. Each outcome is one
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
  refusalOf,
  retryCount,
  type Status,
} from "./destination.ts";

/** The labels and annotations that record an outcome. Our other marks are removed. */
export interface Marks {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Longest error in an annotation, in characters. */
const MAX_ERROR_LENGTH = 1000;

const NO_MARKS: Marks = { labels: {}, annotations: {} };

/** Marks a ConfigMap that a destination has, or doesn't need. Once all have it, it is processed. */
export function doneMarks(
  object: PartialObject,
  scope: DestinationScope,
  { status, nowMs }: { status: Exclude<Status, "failure">; nowMs: number },
): Marks {
  const { destination } = scope;
  const own = {
    [destination.status]: status,
    [destination.retries]: String(retryCount(object, destination)),
  };
  if (!isDoneElsewhere(object, scope)) return withOthers(object, scope, own, endMarks(object, scope));
  // A label's value can't hold a time's colons, so the annotation has the time.
  return withOthers(object, scope, own, {
    labels: { [LABELS.processed]: "true" },
    annotations: { [ANNOTATIONS.processed]: new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z") },
  });
}

/** Marks a ConfigMap that failed, with the time of the next attempt. */
export function deferredMarks(
  object: PartialObject,
  scope: DestinationScope,
  untilMs: number,
  error: string,
): Marks {
  const { kind, name } = scope.destination.retryAfter;
  const retryAfter = { [name]: String(Math.ceil(untilMs / 1000)) };
  return withOthers(object, scope, failureOf(object, scope, error, 1), { ...NO_MARKS, [kind]: retryAfter });
}

/** Marks a ConfigMap that used up its retries. */
export function givenUpMarks(object: PartialObject, scope: DestinationScope, error: string): Marks {
  const own = failureOf(object, scope, error, 1);
  if (!waitsElsewhere(object, scope)) return withOthers(object, scope, own, GIVEN_UP_MARKS);
  return withOthers(object, scope, { ...own, [scope.destination.stopped]: GIVEN_UP }, NO_MARKS);
}

/**
 * Marks a ConfigMap that a destination can't take as it is. There is no label, so the watch still reports every change.
 *
 * @param isRemembered Whether to record the refusal, because detecting it again would cost requests.
 */
export function refusedMarks(
  object: PartialObject,
  scope: DestinationScope,
  error: string,
  isRemembered: boolean,
): Marks {
  const own = failureOf(object, scope, error, 0);
  if (!isRemembered) return withOthers(object, scope, own, NO_MARKS);
  const stopped = { [scope.destination.stopped]: refusalOf(object.metadata) };
  return withOthers(object, scope, { ...own, ...stopped }, endMarks(object, scope));
}

/** Whether a ConfigMap already has these annotations. */
export function hasAnnotations({ metadata }: PartialObject, { annotations }: Marks): boolean {
  return Object.entries(annotations).every(([name, value]) => metadata.annotations?.[name] === value);
}

/** Whether every other destination that wants a ConfigMap has it. */
export function isDoneElsewhere(object: PartialObject, { destination, all }: DestinationScope): boolean {
  return all.every((other) => other === destination || isDone(object, other));
}

/** Whether another destination will make an attempt. */
function waitsElsewhere(object: PartialObject, { destination, all }: DestinationScope): boolean {
  return all.some((other) => other !== destination && !isDone(object, other) && !isStopped(object, other));
}

const GIVEN_UP_MARKS: Marks = { labels: { [LABELS.givenUp]: "true" }, annotations: {} };

/** Marks of the whole ConfigMap when this destination makes no more attempts: given up if another one was and none is waiting. */
function endMarks(object: PartialObject, scope: DestinationScope): Marks {
  const isGivenUp = ({ stopped }: Destination) => object.metadata.annotations?.[stopped] === GIVEN_UP;
  return scope.all.some(isGivenUp) && !waitsElsewhere(object, scope) ? GIVEN_UP_MARKS : NO_MARKS;
}

function failureOf(
  object: PartialObject,
  { destination }: DestinationScope,
  error: string,
  newFailures: number,
): Record<string, string> {
  return {
    [destination.status]: "failure",
    [destination.error]: error.slice(0, MAX_ERROR_LENGTH),
    [destination.retries]: String(retryCount(object, destination) + newFailures),
  };
}

/** A destination's own marks, those of the whole ConfigMap, and those of the other destinations unchanged. */
function withOthers(
  { metadata }: PartialObject,
  { destination, all }: DestinationScope,
  own: Readonly<Record<string, string>>,
  whole: Marks,
): Marks {
  const others = all.filter((other) => other !== destination);
  // Removing the label must make every destination try again.
  const isRescoped = (value: string) => value === GIVEN_UP && LABELS.givenUp in whole.labels;
  const kept = (kind: "labels" | "annotations") =>
    Object.fromEntries(
      others.flatMap((other) => marksOf(other)[kind]).flatMap((name) => {
        const value = metadata[kind]?.[name];
        return value === undefined || isRescoped(value) ? [] : [[name, value]];
      }),
    );
  return {
    labels: { ...kept("labels"), ...whole.labels },
    annotations: { ...kept("annotations"), ...own, ...whole.annotations },
  };
}

/** Names of all marks that a destination may have written. */
function marksOf(
  { status, error, retries, stopped, retryAfter }: Destination,
): Record<keyof Marks, string[]> {
  const names = { labels: [] as string[], annotations: [status, error, retries, stopped] };
  names[retryAfter.kind].push(retryAfter.name);
  return names;
}

/**
 * Writes marks in one request.
 *
 * @throws {KubeError} A conflict (409) when the ConfigMap has changed since it was read; 404 or 409 when it is gone.
 */
export async function writeMarks(
  kube: Pick<KubeClient, "apply" | "patch">,
  object: PartialObject,
  marks: Marks,
  { all, signal }: Pick<DestinationScope, "all"> & { readonly signal: AbortSignal },
): Promise<void> {
  const key = keyOf(object);
  // With the uid, applying to an object that is gone is a conflict and does not create one.
  const { uid, resourceVersion } = object.metadata;
  const foreign = foreignMarks(object, marks, all);
  const labels = { ...marks.labels, ...removals(foreign.labels) };
  const annotations = { ...marks.annotations, ...removals(foreign.annotations) };
  const fields = { metadata: { uid, resourceVersion, labels, annotations } };
  const hasForeign = foreign.labels.length + foreign.annotations.length > 0;
  await kube[hasForeign ? "patch" : "apply"](RESOURCES.configMaps, key, fields, { signal });
}

/** Marks of an earlier outcome that apply can't remove, because the Go remote or a person set them. */
function foreignMarks({ metadata }: PartialObject, marks: Marks, all: readonly Destination[]) {
  const ours = ownFields(metadata);
  const isLeft = (kind: "labels" | "annotations", name: string) =>
    metadata[kind]?.[name] !== undefined && marks[kind][name] === undefined &&
    ours?.[`f:${kind}`]?.[`f:${name}`] === undefined;
  const left = (kind: "labels" | "annotations") =>
    all.flatMap((destination) => marksOf(destination)[kind]).filter((name) => isLeft(kind, name));
  return { labels: left("labels"), annotations: left("annotations") };
}

/** Metadata fields that our earlier applies own, as FieldsV1. */
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
