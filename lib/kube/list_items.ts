/**
 * The objects of a list, out of its JSON one after the other: each is parsed when it is asked for, and is garbage when the next
 * one is. Parsed all at once they would live long enough to be copied from one generation of the heap to the next, which takes
 * more time than the rest of reading them (docs/performance.md). `managedFields`, which are half of a small object and which nobody
 * reads who lists, are left out.
 *
 * @module
 */
import type { PartialObject } from "./objects.ts";

/** A list, taken apart. */
export interface ListText {
  /** The list's own metadata: where a watch begins, and where the next page does, if there is one. */
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  /**
   * Its items, once through.
   *
   * @throws {SyntaxError} When what is next is not the JSON of an object.
   */
  readonly items: Iterable<PartialObject>;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** Up to where the items begin, or are null: what Kubernetes writes before them holds no text with quotes in it. */
const HEAD = /"items"\s*:\s*(?:\[|null)/;
const NEXT_ITEM = /[\s,]*([{\]])/y;
const MANAGED_FIELDS = '"managedFields":[';
/** Items of a list are as deep in it as it gets here: `managedFields` is one deeper, in the item's metadata. */
const METADATA_DEPTH = 2;

/**
 * Takes a list apart.
 *
 * @throws {SyntaxError} When it has no items where Kubernetes writes them, behind its metadata.
 */
export function splitList(json: string): ListText {
  const found = HEAD.exec(json);
  if (!found) throw new SyntaxError("The answer is no list of Kubernetes objects");
  const end = found.index + found[0].length;
  const { metadata } = JSON.parse(`${json.slice(0, found.index)}"items":null}`);
  return { metadata, items: found[0].endsWith("null") ? [] : itemsFrom(json, end) };
}

function* itemsFrom(json: string, start: number): Generator<PartialObject> {
  for (let position = start;;) {
    NEXT_ITEM.lastIndex = position;
    const next = NEXT_ITEM.exec(json)?.[1];
    if (next === "]") return;
    if (next === undefined) {
      throw new SyntaxError("The list ends before its last item, or holds something else");
    }
    const begin = NEXT_ITEM.lastIndex - 1;
    const { end, unread } = scanObject(json, begin);
    yield parseObject(
      unread
        ? `${json.slice(begin, unread.from)}${MANAGED_FIELDS}]${json.slice(unread.to, end)}`
        : json.slice(begin, end),
    );
    position = end;
  }
}

function parseObject(json: string): PartialObject {
  try {
    return JSON.parse(json);
  } catch {
    // Without the parser's message, which quotes the text: it may be a Secret's.
    throw new SyntaxError("The list holds what is no JSON");
  }
}

/** Where an object ends, and its managed fields are. */
interface Extent {
  readonly end: number;
  readonly unread: { readonly from: number; readonly to: number } | undefined;
}

/** Knows texts and how deep the object is, and nothing else: whether it is JSON, and ends, shows when it is parsed. */
function scanObject(json: string, begin: number): Extent {
  let depth = 0;
  let from: number | undefined;
  let unread: Extent["unread"];
  for (let position = begin; position < json.length; position++) {
    switch (json.charCodeAt(position)) {
      case QUOTE:
        if (depth === METADATA_DEPTH && json.startsWith(MANAGED_FIELDS, position)) from = position;
        position = endOfText(json, position);
        break;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        depth++;
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        depth--;
        if (depth === 0) return { end: position + 1, unread };
        if (depth === METADATA_DEPTH && from !== undefined) {
          unread = { from, to: position + 1 };
          from = undefined;
        }
    }
  }
  return { end: json.length, unread };
}

/** Where the quote is that ends the text which begins with one. */
function endOfText(json: string, begin: number): number {
  for (let end = json.indexOf('"', begin + 1); end >= 0; end = json.indexOf('"', end + 1)) {
    let last = end - 1;
    while (json.charCodeAt(last) === BACKSLASH) last--;
    // A quote behind an odd number of backslashes belongs to the text.
    if ((end - last) % 2 === 1) return end;
  }
  return json.length;
}
