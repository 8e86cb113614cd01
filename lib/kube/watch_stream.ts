/**
 * The body of a watch: one JSON document for each event.
 *
 * @module
 */
import { JsonError, JsonReader } from "../json/reader.ts";
import { KubeError, kubeError, type Status } from "./errors.ts";
import type { PartialObject } from "./objects.ts";

/** A change; a bookmark only carries the resource version from which a later watch can resume. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  /** The object after the change, or its last state when it was deleted. */
  readonly object: PartialObject;
}

/** What is known of an object whose event was skipped. */
export interface SkippedObject {
  readonly namespace?: string;
  readonly name?: string;
}

/** Options of {@link readWatchEvents}. */
export interface WatchStreamOptions {
  /** The request, for error messages. */
  readonly what: string;
  /** Called whenever bytes arrive. */
  readonly onChunk: () => void;
  /** Called instead of an event for an object that is too large. */
  readonly onTooLarge: (object: SkippedObject) => void;
}

/** Largest event in bytes. JSON can take six times the size of an object, which may be 1.5 MiB. */
const MAX_EVENT_BYTES = 4 * 1024 * 1024;
const MAX_DEPTH = 1000;

/**
 * Reads a watch to its end. The body is cancelled when the caller stops early.
 *
 * @throws {KubeError} With the server's status for an `ERROR` event, and for a document that is not an event.
 */
export async function* readWatchEvents(
  body: ReadableStream<Uint8Array>,
  { what, onChunk, onTooLarge }: WatchStreamOptions,
): AsyncGenerator<WatchEvent> {
  const documents: unknown[] = [];
  const json = new JsonReader({
    paths: ["$"],
    manyDocuments: true,
    maxDepth: MAX_DEPTH,
    maxValueBytes: MAX_EVENT_BYTES,
    identifiedBy: ["$.object.metadata.namespace", "$.object.metadata.name"],
    onValue: (document) => documents.push(document),
    onTooLarge: (_place, known) => onTooLarge(known),
  });
  for await (const chunk of body) {
    onChunk();
    const failure = pushTo(json, chunk);
    for (const document of documents.splice(0)) yield toEvent(document, what);
    if (failure) throw malformed(what);
  }
}

/** Events before the failure still count. */
function pushTo(json: JsonReader, chunk: Uint8Array): JsonError | undefined {
  try {
    json.push(chunk);
  } catch (error) {
    if (error instanceof JsonError) return error;
    throw error;
  }
}

function toEvent(document: unknown, what: string): WatchEvent {
  const { type, object } = (document ?? {}) as { type?: unknown; object?: unknown };
  if (typeof object !== "object" || object === null) throw malformed(what);
  switch (type) {
    case "ERROR":
      throw kubeError(what, object as Status, (object as Status).code ?? 500);
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
    case "BOOKMARK":
      return { type, object: object as PartialObject };
    default:
      throw malformed(what);
  }
}

function malformed(what: string): KubeError {
  return new KubeError(`Cannot ${what} as the API server sent something that is not a watch event`, {
    status: 0,
  });
}
