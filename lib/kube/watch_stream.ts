/**
 * The body of a watch: one JSON event a line.
 *
 * @module
 */
import { KubeError, kubeError, type Status } from "./errors.ts";
import type { PartialObject } from "./objects.ts";

/** One change; a bookmark only brings the resource version from which a later watch can go on. */
export interface WatchEvent {
  /** What happened. */
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  /** The object after that, or its last state when it was deleted. */
  readonly object: PartialObject;
}

/** Longest event line that is taken, in characters; metadata is limited to less than half of it by the server. */
const LONGEST_LINE = 4 * 1024 * 1024;

/**
 * Reads a watch to its end. The body is cancelled when the caller stops early.
 *
 * @param what The request, for error messages.
 * @param onChunk Called whenever something arrives.
 * @throws {KubeError} With the server's status for an `ERROR` event, and for a line that is no event.
 */
export async function* readWatchEvents(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  what: string,
  onChunk: () => void,
): AsyncGenerator<WatchEvent> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      onChunk();
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > LONGEST_LINE) throw malformed(what);
      for (const line of lines) {
        if (line.trim() !== "") yield parseEvent(line, what);
      }
    }
  } finally {
    // The stream may have failed already; then there is nothing left to cancel.
    await reader.cancel().catch(() => {});
  }
}

function parseEvent(line: string, what: string): WatchEvent {
  const event = parseJson(line) as { type?: unknown; object?: unknown } | null | undefined;
  const object = event?.object;
  if (typeof object !== "object" || object === null) throw malformed(what);
  switch (event?.type) {
    case "ERROR":
      throw kubeError(what, object as Status, 500);
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
    case "BOOKMARK":
      return { type: event.type, object: object as PartialObject };
    default:
      throw malformed(what);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function malformed(what: string): KubeError {
  return new KubeError(`Cannot ${what} as the API server sent a line that is not a watch event`, {
    status: 0,
  });
}
