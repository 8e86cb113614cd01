/**
 * Takes a list of items out of a body while it arrives, one item at a time, so that no body is ever in memory as a whole.
 * Knows JSON only as far as it needs to find where an item ends; each item is then parsed as JSON.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import { BodyError, typeName } from "./errors.ts";
import { CLOSE_ARRAY, CLOSE_OBJECT, COLON, COMMA, OPEN_ARRAY, OPEN_OBJECT } from "./json_bytes.ts";
import { checkJson } from "./json_text.ts";
import { ValueScanner } from "./value_scanner.ts";

/** How much of a body is taken. */
export interface ListLimits {
  /** Most items. */
  readonly maxItems: number;
  /** Largest item, in bytes: so much may be waiting for the rest of it. */
  readonly maxItemBytes: number;
  /** How deep arrays and objects may be in each other. */
  readonly maxJsonDepth: number;
}

/** What a body may be. */
export interface ListOptions extends ListLimits {
  /** The list's name, as clients know it from the API. */
  readonly name: "facts" | "problems";
  /** Whether the list may also come as a member of that name in an object. */
  readonly mayBeWrapped: boolean;
}

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** What the bytes are at this point that are no part of a value. */
type Place =
  | "document"
  | "first item"
  | "item"
  | "after item"
  | "first key"
  | "key"
  | "after key"
  | "member"
  | "after member"
  | "end";

/** Reads one body. */
export class ItemReader {
  readonly #options: ListOptions;
  readonly #onItem: (item: unknown, index: number) => void;
  readonly #scanner = new ValueScanner();
  #place: Place = "document";
  #isWrapped = false;
  #items = 0;
  #hasList = false;
  #key = "";
  #isInValue = false;
  /** How much of a byte order mark was at the very beginning. */
  #markBytes = 0;
  #isAtBeginning = true;

  /**
   * Begins a body.
   *
   * @param onItem Takes each item as it is parsed, and its place from 0; what it throws goes to the caller of `push`.
   */
  constructor(options: ListOptions, onItem: (item: unknown, index: number) => void) {
    this.#options = options;
    this.#onItem = onItem;
  }

  /** Bytes that are held, of an item that is not complete. */
  get pendingBytes(): number {
    return this.#scanner.pendingBytes;
  }

  /**
   * Takes the next bytes.
   *
   * @throws {BodyError} Codes `body-json`, `body-encoding`, `body-too-deep` and `body-invalid`.
   * @throws {AppError} Codes `too-many-items` and `item-too-large`.
   */
  push(chunk: Uint8Array): void {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#isInValue) {
        if (!this.#endsBefore(byte)) continue;
        this.#endValue(chunk.subarray(start, at));
      } else if (this.#isSkipped(byte)) continue;
      if (this.#step(byte)) continue;
      start = at;
      this.#isInValue = true;
      this.#endsBefore(byte);
    }
    if (!this.#isInValue) return;
    this.#checkSize(chunk.length - start);
    this.#scanner.keep(chunk.subarray(start));
  }

  /**
   * Ends the body.
   *
   * @throws {BodyError} Codes `body-json`, `body-encoding` and `body-invalid`, when it is not a whole list.
   */
  end(): void {
    if (this.#isInValue && this.#place === "document") this.#takeScalar(this.#text(new Uint8Array()));
    else if (this.#isInValue || this.#place !== "end") throw notJson();
    if (!this.#hasList) throw this.#wrongBody("object");
  }

  /** Whether a byte between values can be left out: white space, and a byte order mark at the very beginning. */
  #isSkipped(byte: number): boolean {
    if (this.#isAtBeginning && byte === BYTE_ORDER_MARK[this.#markBytes]) {
      this.#markBytes++;
      this.#isAtBeginning = this.#markBytes < BYTE_ORDER_MARK.length;
      return true;
    }
    if (this.#isAtBeginning && this.#markBytes > 0) throw notJson();
    this.#isAtBeginning = false;
    return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
  }

  /** Goes on by one byte within a value; tells whether the value has ended before that byte. */
  #endsBefore(byte: number): boolean {
    const before = this.#scanner.depth;
    const hasEnded = this.#scanner.endsBefore(byte);
    if (this.#scanner.depth > before) this.#checkDepth();
    return hasEnded;
  }

  #endValue(last: Uint8Array): void {
    this.#isInValue = false;
    this.#checkSize(last.length);
    this.#takeValue(this.#text(last));
  }

  /** Takes a byte between values; tells false when a value begins with it. */
  #step(byte: number): boolean {
    switch (this.#place) {
      case "document":
        if (byte === OPEN_ARRAY) return this.#openList();
        if (byte !== OPEN_OBJECT) return false;
        if (!this.#options.mayBeWrapped) throw this.#wrongBody("object");
        this.#isWrapped = true;
        return this.#go("first key");
      case "first item":
        return byte === CLOSE_ARRAY && this.#closeList();
      case "after item":
        if (byte === CLOSE_ARRAY) return this.#closeList();
        return this.#expect(byte, COMMA, "item");
      case "first key":
        return byte === CLOSE_OBJECT && this.#go("end");
      case "after key":
        return this.#expect(byte, COLON, "member");
      case "member":
        return byte === OPEN_ARRAY && this.#key === this.#options.name && this.#openList();
      case "after member":
        if (byte === CLOSE_OBJECT) return this.#go("end");
        return this.#expect(byte, COMMA, "key");
      case "end":
        throw notJson();
      default:
        return false;
    }
  }

  #go(place: Place): true {
    this.#place = place;
    return true;
  }

  #expect(byte: number, expected: number, next: Place): true {
    if (byte !== expected) throw notJson();
    return this.#go(next);
  }

  #openList(): true {
    // Which of two lists is meant, nobody can know.
    if (this.#hasList) throw new BodyError("body-invalid", `${this.#options.name}: expected once`);
    this.#hasList = true;
    return this.#go("first item");
  }

  #closeList(): true {
    return this.#go(this.#isWrapped ? "after member" : "end");
  }

  #takeValue(text: string): void {
    switch (this.#place) {
      case "first item":
      case "item":
        if (++this.#items > this.#options.maxItems) throw this.#tooMany();
        this.#place = "after item";
        return this.#onItem(parse(text), this.#items - 1);
      case "first key":
      case "key": {
        const key = parse(text);
        if (typeof key !== "string") throw notJson();
        this.#key = key;
        this.#place = "after key";
        return;
      }
      case "member":
        this.#takeMember(text);
        this.#place = "after member";
        return;
      default:
        // A scalar that is the whole document, and something behind it.
        throw notJson();
    }
  }

  /** Members that are not the list are the client's own business, as long as they are JSON. */
  #takeMember(text: string): void {
    const { name } = this.#options;
    if (this.#key !== name) {
      // Its depth is known to be allowed.
      if (checkJson(text, Infinity) !== "json") throw notJson();
      return;
    }
    const value = parse(text);
    if (value !== null) {
      throw new BodyError("body-invalid", `${name}: expected array, received ${typeName(value)}`);
    }
    this.#openList();
  }

  /** Null, which is how clients written in Go send a list without items, is an empty list. */
  #takeScalar(text: string): void {
    const value = parse(text);
    if (value !== null) throw this.#wrongBody(typeName(value));
    this.#hasList = true;
    this.#place = "end";
  }

  #text(last: Uint8Array): string {
    try {
      return this.#scanner.take(last);
    } catch {
      throw notUtf8();
    }
  }

  #checkSize(more: number): void {
    const { maxItemBytes } = this.#options;
    if (this.#scanner.pendingBytes + more <= maxItemBytes) return;
    const what = this.#isInList() ? `${this.#options.name}[${this.#items}]` : "body";
    throw new AppError("item-too-large", `${what}: expected at most ${maxItemBytes} bytes`);
  }

  #checkDepth(): void {
    const around = Number(this.#isWrapped) + Number(this.#isInList());
    if (this.#scanner.depth + around <= this.#options.maxJsonDepth) return;
    throw new BodyError(
      "body-too-deep",
      `body: expected arrays and objects at most ${this.#options.maxJsonDepth} deep in each other`,
    );
  }

  #isInList(): boolean {
    return this.#place === "first item" || this.#place === "item";
  }

  #tooMany(): AppError {
    const { name, maxItems } = this.#options;
    return new AppError("too-many-items", `${name}: expected at most ${maxItems} items`);
  }

  #wrongBody(received: string): BodyError {
    const { name, mayBeWrapped } = this.#options;
    const expected = mayBeWrapped ? `an array of ${name}, or an object with ${name}` : `an array of ${name}`;
    return new BodyError("body-invalid", `body: expected ${expected}, received ${received}`);
  }
}

/** Without the parser's own message, which quotes the body. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notJson();
  }
}

function notJson(): BodyError {
  return new BodyError("body-json", "The body must be a JSON document");
}

function notUtf8(): BodyError {
  return new BodyError("body-encoding", "The body must be UTF-8");
}
