/**
 * What the program writes on an insights ConfigMap: one request for each outcome at a destination, which only takes effect on
 * the very version that was read. It is a server-side apply, the cheapest kind of write, wherever that can do it.
 *
 * @module
 */
import { FIELD_MANAGER, type KubeClient } from "../lib/kube/client.ts";
import { keyOf, type ObjectMeta, type PartialObject, RESOURCES } from "../lib/kube/objects.ts";
import { ANNOTATIONS, LABELS } from "../lib/lagoon.ts";
import {
  type Destination,
  GIVEN_UP,
  isDone,
  isStopped,
  refusalOf,
  retryCount,
  type Status,
} from "./destination.ts";

/** The labels and annotations that stand for an outcome; what of ours is not among them is removed. */
export interface Marks {
  /** By name. */
  readonly labels: Readonly<Record<string, string>>;
  /** By name. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** A destination that is marked, among all that there are: the marks of the others stay. */
export interface Place {
  /** The one. */
  readonly destination: Destination;
  /** All, this one among them. */
  readonly all: readonly Destination[];
}

/** Longest error text in an annotation, in characters. */
const LONGEST_ERROR = 1000;

const NO_MARKS: Marks = { labels: {}, annotations: {} };

/** Marks of a ConfigMap that needs nothing more of a destination; with the last one it is processed. */
export function doneMarks(
  object: PartialObject,
  place: Place,
  { status, nowMs }: { status: Exclude<Status, "failure">; nowMs: number },
): Marks {
  const { destination } = place;
  const own = {
    [destination.status]: status,
    [destination.retries]: String(retryCount(object, destination)),
  };
  if (!isDoneElsewhere(object, place)) return together(object, place, own, ending(object, place));
  // A label's value can't hold the colons of a time; the time stands in the annotation.
  return together(object, place, own, {
    labels: { [LABELS.processed]: "true" },
    annotations: { [ANNOTATIONS.processed]: new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z") },
  });
}

/** Marks of a ConfigMap that is to be tried again at a time. */
export function deferredMarks(object: PartialObject, place: Place, untilMs: number, error: string): Marks {
  const { kind, name } = place.destination.retryAfter;
  const retryAfter = { [name]: String(Math.ceil(untilMs / 1000)) };
  return together(object, place, failureOf(object, place, error, 1), { ...NO_MARKS, [kind]: retryAfter });
}

/** Marks of a ConfigMap that has failed as often as the operator allows. */
export function givenUpMarks(object: PartialObject, place: Place, error: string): Marks {
  const own = failureOf(object, place, error, 1);
  if (!waitsElsewhere(object, place)) return together(object, place, own, GIVEN_UP_MARKS);
  return together(object, place, { ...own, [place.destination.stopped]: GIVEN_UP }, NO_MARKS);
}

/**
 * Marks of a ConfigMap that a destination can't take as it is; no label, so that any change to it is seen.
 *
 * @param isKnown Whether the next look finds out at no cost: then there is no need to remember it.
 */
export function refusedMarks(object: PartialObject, place: Place, error: string, isKnown: boolean): Marks {
  const own = failureOf(object, place, error, 0);
  if (isKnown) return together(object, place, own, NO_MARKS);
  const stopped = { [place.destination.stopped]: refusalOf(object.metadata) };
  return together(object, place, { ...own, ...stopped }, ending(object, place));
}

/** Whether a ConfigMap carries exactly these annotations already. */
export function hasAnnotations({ metadata }: PartialObject, { annotations }: Marks): boolean {
  return Object.entries(annotations).every(([name, value]) => metadata.annotations?.[name] === value);
}

/** Whether every other destination that wants a ConfigMap has it. */
export function isDoneElsewhere(object: PartialObject, { destination, all }: Place): boolean {
  return all.every((other) => other === destination || isDone(object, other));
}

/** Whether another destination is going to try. */
function waitsElsewhere(object: PartialObject, { destination, all }: Place): boolean {
  return all.some((other) => other !== destination && !isDone(object, other) && !isStopped(object, other));
}

const GIVEN_UP_MARKS: Marks = { labels: { [LABELS.givenUp]: "true" }, annotations: {} };

/** Where this destination tries no more: given up as a whole, when another one was and none waits. */
function ending(object: PartialObject, place: Place): Marks {
  const isGivenUp = ({ stopped }: Destination) => object.metadata.annotations?.[stopped] === GIVEN_UP;
  return place.all.some(isGivenUp) && !waitsElsewhere(object, place) ? GIVEN_UP_MARKS : NO_MARKS;
}

function failureOf(
  object: PartialObject,
  { destination }: Place,
  error: string,
  more: number,
): Record<string, string> {
  return {
    [destination.status]: "failure",
    [destination.error]: error.slice(0, LONGEST_ERROR),
    [destination.retries]: String(retryCount(object, destination) + more),
  };
}

/** A destination's own marks with those of the whole, and with those of the others as they are. */
function together(
  { metadata }: PartialObject,
  { destination, all }: Place,
  own: Readonly<Record<string, string>>,
  whole: Marks,
): Marks {
  const others = all.filter((other) => other !== destination);
  // Whoever takes the label of the whole away wants all of them to try again.
  const isReplaced = (value: string) => value === GIVEN_UP && LABELS.givenUp in whole.labels;
  const kept = (kind: "labels" | "annotations") =>
    Object.fromEntries(
      others.flatMap((other) => marksOf(other)[kind]).flatMap((name) => {
        const value = metadata[kind]?.[name];
        return value === undefined || isReplaced(value) ? [] : [[name, value]];
      }),
    );
  return {
    labels: { ...kept("labels"), ...whole.labels },
    annotations: { ...kept("annotations"), ...own, ...whole.annotations },
  };
}

/** The names of all that a destination may have written. */
function marksOf(
  { status, error, retries, stopped, retryAfter }: Destination,
): Record<keyof Marks, string[]> {
  const names = { labels: [] as string[], annotations: [status, error, retries, stopped] };
  names[retryAfter.kind].push(retryAfter.name);
  return names;
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
  { all, signal }: Pick<Place, "all"> & { readonly signal: AbortSignal },
): Promise<void> {
  const key = keyOf(object);
  // With the uid, applying to an object that is gone is a conflict and does not create one.
  const { uid, resourceVersion } = object.metadata;
  const leftovers = foreignLeftovers(object, marks, all);
  const labels = { ...marks.labels, ...removals(leftovers.labels) };
  const annotations = { ...marks.annotations, ...removals(leftovers.annotations) };
  const fields = { metadata: { uid, resourceVersion, labels, annotations } };
  const hasLeftovers = leftovers.labels.length + leftovers.annotations.length > 0;
  await kube[hasLeftovers ? "patch" : "apply"](RESOURCES.configMaps, key, fields, { signal });
}

/** Marks of an earlier outcome that apply can't remove, since the Go remote or a person made them. */
function foreignLeftovers({ metadata }: PartialObject, marks: Marks, all: readonly Destination[]) {
  const ours = ownFields(metadata);
  const isLeft = (kind: "labels" | "annotations", name: string) =>
    metadata[kind]?.[name] !== undefined && marks[kind][name] === undefined &&
    ours?.[`f:${kind}`]?.[`f:${name}`] === undefined;
  const left = (kind: "labels" | "annotations") =>
    all.flatMap((destination) => marksOf(destination)[kind]).filter((name) => isLeft(kind, name));
  return { labels: left("labels"), annotations: left("annotations") };
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
