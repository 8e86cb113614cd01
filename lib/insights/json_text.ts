/**
 * Checks JSON text without building values: `JSON.parse` needs ten times the memory of a text of empty objects, and V8 ends
 * the program at its heap limit.
 *
 * @module
 */

/** The result of a check, which ends at the first error. */
export type JsonVerdict = "json" | "not-json" | "too-deep";

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const ESCAPED_ALONE: ReadonlySet<number> = new Set([...'"\\/bfnrt'].map((letter) => letter.charCodeAt(0)));

const COLON = /[ \t\n\r]*:[ \t\n\r]*/y;
const ESCAPED_CODE = /\\u[0-9A-Fa-f]{4}/y;
const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[Ee][+-]?[0-9]+)?|true|false|null/y;

/** The end of something that isn't there. */
const NOWHERE = -1;

/**
 * Checks whether a text is one JSON document (RFC 8259), as `JSON.parse` does, in time proportional to its length and memory
 * proportional to its depth.
 *
 * @param maxDepth Limit of nested arrays and objects; `[]` has depth 1.
 */
export function checkJson(text: string, maxDepth: number): JsonVerdict {
  const closers: number[] = [];
  let at = skipSpace(text, 0);
  for (;;) {
    if (closers[closers.length - 1] === CLOSE_OBJECT) at = endOfName(text, at);
    const closer = closerOf(text.charCodeAt(at));
    if (closer !== undefined) {
      if (closers.push(closer) > maxDepth) return "too-deep";
      at = skipSpace(text, at + 1);
      if (text.charCodeAt(at) !== closer) continue;
    } else {
      at = endOfScalar(text, at);
    }
    at = skipClosers(text, at, closers);
    if (closers.length === 0) return at === text.length ? "json" : "not-json";
    if (text.charCodeAt(at) !== COMMA) return "not-json";
    at = skipSpace(text, at + 1);
  }
}

function closerOf(opener: number): number | undefined {
  if (opener === OPEN_ARRAY) return CLOSE_ARRAY;
  return opener === OPEN_OBJECT ? CLOSE_OBJECT : undefined;
}

/** Skips the ends of arrays and objects, and the white space after them. */
function skipClosers(text: string, start: number, closers: number[]): number {
  let at = skipSpace(text, start);
  while (closers.length > 0 && text.charCodeAt(at) === closers[closers.length - 1]) {
    closers.pop();
    at = skipSpace(text, at + 1);
  }
  return at;
}

/** Skips a member's name and colon. */
function endOfName(text: string, at: number): number {
  return text.charCodeAt(at) === QUOTE ? endOfMatch(COLON, text, endOfString(text, at)) : NOWHERE;
}

function endOfScalar(text: string, at: number): number {
  return text.charCodeAt(at) === QUOTE ? endOfString(text, at) : endOfMatch(SCALAR, text, at);
}

function endOfString(text: string, quote: number): number {
  for (let at = quote + 1; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) return at + 1;
    if (unit < 0x20) return NOWHERE;
    if (unit !== BACKSLASH) continue;
    at = endOfEscape(text, at) - 1;
    if (at < quote) return NOWHERE;
  }
  return NOWHERE;
}

function endOfEscape(text: string, backslash: number): number {
  // JSON within JSON is full of these, and a pattern is slow.
  if (ESCAPED_ALONE.has(text.charCodeAt(backslash + 1))) return backslash + 2;
  return endOfMatch(ESCAPED_CODE, text, backslash);
}

function endOfMatch(pattern: RegExp, text: string, at: number): number {
  if (at === NOWHERE) return NOWHERE;
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : NOWHERE;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (isSpace(text.charCodeAt(at))) at++;
  return at;
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}
