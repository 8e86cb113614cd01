/**
 * The body of a list, object by object: a page of 1,000 objects may have a gigabyte.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { ObjectText, type SkippedObject } from "./large_objects.ts";
import type { PartialObject } from "./objects.ts";

/** Where the objects of a list go. */
export interface ListSink {
  /** Takes each object, in the server's order. It must not throw. */
  readonly onObject: (object: PartialObject) => void;
  /** Called instead for an object that is too large. */
  readonly onTooLarge: (object: SkippedObject) => void;
}

/** A list without its objects. */
export interface ListHead {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
}

/** Objects are in the array `items` of the document. */
const ITEM_DEPTH = 3;
const [QUOTE, BACKSLASH, COMMA, OPEN, CLOSE, OPEN_ARRAY, CLOSE_ARRAY] = Buffer.from('"\\,{}[]');

/**
 * Reads a list to its end.
 *
 * @throws {SyntaxError} When it is not a list, or was cut off; the message has nothing of it.
 */
export async function readList(
  body: AsyncIterable<Uint8Array>,
  { onObject, onTooLarge, onChunk }: ListSink & { readonly onChunk: () => void },
): Promise<ListHead> {
  const rest = new ObjectText();
  const item = new ObjectText();
  let depth = 0;
  let isInArray = false;
  let isInString = false;
  let isEscaped = false;
  for await (const chunk of body) {
    onChunk();
    /** Where the part of the chunk begins that neither `rest` nor `item` has yet. */
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (isInString) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) isInString = false;
      } else if (byte === QUOTE) {
        isInString = true;
      } else if (byte === OPEN || byte === OPEN_ARRAY) {
        depth++;
        if (depth === ITEM_DEPTH - 1) isInArray = byte === OPEN_ARRAY;
        if (depth !== ITEM_DEPTH || !isInArray) continue;
        rest.add(chunk.subarray(start, at));
        start = at;
      } else if (byte === CLOSE || byte === CLOSE_ARRAY) {
        depth--;
        if (depth !== ITEM_DEPTH - 1 || !isInArray) continue;
        item.add(chunk.subarray(start, at + 1));
        start = at + 1;
        if (item.isTooLarge) onTooLarge(item.takeName());
        else onObject(parse(item.take()) as PartialObject);
      } else if (byte === COMMA && depth === ITEM_DEPTH - 1 && isInArray) {
        rest.add(chunk.subarray(start, at));
        start = at + 1;
      }
    }
    (depth >= ITEM_DEPTH && isInArray ? item : rest).add(chunk.subarray(start));
  }
  return parse(rest.take()) as ListHead;
}

/** Without the parser's message, which quotes the text: it may be a Secret's. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError("the answer is not a list");
  }
}
