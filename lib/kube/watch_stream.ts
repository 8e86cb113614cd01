/**
 * The body of a watch: one line of JSON for each event.
 *
 * @module
 */
import { KubeError, kubeError, type Status } from "./errors.ts";
import { ObjectText, type SkippedObject } from "./large_objects.ts";
import type { PartialObject } from "./objects.ts";

/** A change; a bookmark only carries the resource version from which a later watch can resume. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  /** The object after the change, or its last state when it was deleted. */
  readonly object: PartialObject;
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

const NEWLINE = 10;

/**
 * Reads a watch to its end. The body is cancelled when the caller stops early.
 *
 * @throws {KubeError} With the server's status for an `ERROR` event, and for a document that is not an event.
 */
export async function* readWatchEvents(
  body: ReadableStream<Uint8Array>,
  { what, onChunk, onTooLarge }: WatchStreamOptions,
): AsyncGenerator<WatchEvent> {
  const event = new ObjectText();
  for await (const chunk of body) {
    onChunk();
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      event.add(chunk.subarray(start, end));
      start = end + 1;
      if (event.isTooLarge) onTooLarge(event.takeName());
      else if (!event.isEmpty) yield readEvent(event.take(), what);
    }
    event.add(chunk.subarray(start));
  }
}

function readEvent(text: string, what: string): WatchEvent {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw malformed(what);
  }
  return toEvent(document, what);
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
