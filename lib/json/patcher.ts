/**
 * Changes a JSON document while it streams by: fills, replaces and wraps values that rules name, and leaves every other byte as it
 * is. Memory does not grow with the document. Names match as Go's decoder matches them: without regard to case, and each of several
 * members of the same name counts.
 *
 * It follows the structure of valid JSON and does not validate: what is not JSON before is not JSON after.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  isDelimiter,
  isSpace,
  joined,
  LETTER_N,
  LETTER_U,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
} from "./bytes.ts";
import { foldName, type Frame, type ObjectRule, own, ruleWithin, type ValueRule } from "./patch_rules.ts";

type Mode =
  | "structure"
  | "skip"
  | "name"
  | "checked-string"
  | "literal"
  | "dropped-literal"
  | "ended";

/** A longer name, in bytes as written, is none that a rule has. */
const MAX_NAME_BYTES = 128;

const NOTHING: Uint8Array = new Uint8Array();

const encoder = new TextEncoder();

/** Patches one document. Bytes after it are passed on. */
export class JsonPatcher {
  /** Codes of the rules that changed something. */
  readonly patches: Set<string> = new Set();
  /** Number of changes and of names so far, which take much longer than other bytes. */
  effort = 0;
  readonly #root: ValueRule;
  readonly #frames: Frame[] = [];
  /** Each takes bytes from a position on, and returns where the next one starts. */
  readonly #steps: Readonly<Record<Exclude<Mode, "ended">, (at: number) => number>> = {
    structure: (at) => this.#takeStructure(at),
    skip: (at) => this.#skip(at),
    name: (at) => this.#takeName(at),
    "checked-string": (at) => this.#checkString(at),
    literal: (at) => this.#takeLiteral(at),
    "dropped-literal": (at) => this.#takeLiteral(at),
  };
  #mode: Mode = "structure";
  /** Open arrays and objects that are skipped. */
  #skipDepth = 0;
  /** Whether a string is being skipped. */
  #isString = false;
  /** Whether the previous byte of a string is a backslash that escapes the next one. */
  #isEscaped = false;
  /** Where the current name starts in the chunk. */
  #nameStart = 0;
  /** The beginning of a name that started in an earlier chunk: it may be changed. */
  #held = NOTHING;
  /** Digits of a `\u` escape that are still to come, and their value so far. */
  #escape = { digits: 0, code: 0 };
  #hasCharacter = false;
  #chunk: Uint8Array = new Uint8Array();
  /** Where the bytes of the chunk start that are not in the output yet. */
  #from = 0;
  #output: Uint8Array[] = [];
  #state: JsonPatcher["state"] = "before";

  /** Starts before a document that must be an object. */
  constructor(root: ObjectRule) {
    this.#root = { code: "document", object: root };
  }

  /** Where the bytes ended: before, within or after the document. It is `broken` if it can't be a JSON object. */
  get state(): "before" | "within" | "complete" | "broken" {
    return this.#state;
  }

  /** Takes the next bytes. Returns those of the patched document, which may share memory with them. */
  push(chunk: Uint8Array): Uint8Array {
    this.#chunk = chunk;
    this.#from = 0;
    this.#output = [];
    this.#nameStart = 0;
    let at = 0;
    while (at < chunk.length && this.#mode !== "ended") at = this.#steps[this.#mode](at);
    if (this.#mode === "name") {
      this.#emitUntil(this.#nameStart);
      this.#held = joined(this.#held, chunk.slice(this.#nameStart));
    } else if (this.#mode !== "dropped-literal") this.#emitUntil(chunk.length);
    return this.#output.length === 1 ? this.#output[0]! : Buffer.concat(this.#output);
  }

  #takeStructure(at: number): number {
    const byte = this.#chunk[at]!;
    const frame = this.#frames.at(-1);
    if (isSpace(byte) || byte === COLON) return at + 1;
    if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) return this.#close(at, byte, frame);
    if (byte === COMMA) {
      if (frame && !frame.isArray) frame.expectsName = true;
      return at + 1;
    }
    if (byte === QUOTE && frame?.expectsName) return this.#startName(at, frame);
    return this.#startValue(at, byte, frame);
  }

  #startValue(at: number, byte: number, frame: Frame | undefined): number {
    if (frame) frame.isEmpty = false;
    const rule = frame ? ruleWithin(frame) : this.#root;
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) return this.#open(at, byte === OPEN_ARRAY, rule);
    if (!frame) return this.#end(at, "broken");
    if (byte === QUOTE) {
      this.#mode = rule?.character ? "checked-string" : "skip";
      this.#hasCharacter = false;
      this.#isString = this.#mode === "skip";
      return at + 1;
    }
    this.#mode = "literal";
    if (byte === LETTER_N && rule?.ifNull !== undefined) {
      this.#insert(at, rule.ifNull, rule);
      this.#mode = "dropped-literal";
    }
    return at;
  }

  #open(at: number, isArray: boolean, rule: ValueRule | undefined): number {
    if (!rule || !(isArray ? rule.array : rule.object)) {
      if (this.#frames.length === 0) return this.#end(at, "broken");
      this.#mode = "skip";
      return at;
    }
    this.#state = "within";
    const [before] = isArray && rule.array?.wrap || [];
    if (before !== undefined) this.#insert(at, before, rule);
    this.#frames.push({ rule, isArray, seen: new Set(), isEmpty: true, expectsName: !isArray, name: "" });
    return at + 1;
  }

  #close(at: number, byte: number, frame: Frame | undefined): number {
    if (!frame || frame.isArray !== (byte === CLOSE_ARRAY)) return this.#end(at, "broken");
    const { rule, isArray, seen, isEmpty } = frame;
    const { ifEmpty } = (isArray ? rule.array : rule.object) ?? {};
    if (isEmpty && ifEmpty !== undefined) this.#insert(at, ifEmpty, rule);
    let separator = isEmpty && ifEmpty === undefined ? "" : ",";
    for (const [name, json] of Object.entries(isArray ? {} : rule.object?.required ?? {})) {
      if (seen.has(name)) continue;
      this.#insert(at, `${separator}"${name}":${json}`, own(rule.object?.members, name) ?? rule);
      separator = ",";
    }
    const [, after] = isArray && rule.array?.wrap || [];
    if (after !== undefined) this.#insert(at + 1, after, rule);
    this.#frames.pop();
    return this.#frames.length === 0 ? this.#end(at + 1, "complete") : at + 1;
  }

  #startName(at: number, frame: Frame): number {
    frame.isEmpty = false;
    frame.expectsName = false;
    this.#nameStart = at;
    this.#mode = "name";
    return at + 1;
  }

  #takeName(start: number): number {
    const chunk = this.#chunk;
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) {
        return this.#endName(at + 1, joined(this.#held, chunk.subarray(this.#nameStart, at + 1)));
      }
      if (this.#held.length + at - this.#nameStart < MAX_NAME_BYTES) continue;
      this.#frames.at(-1)!.name = "";
      this.#emitHeld();
      this.#mode = "skip";
      this.#isString = true;
      return at + 1;
    }
    return chunk.length;
  }

  #endName(end: number, quoted: Uint8Array): number {
    const frame = this.#frames.at(-1)!;
    const { required, renamed } = frame.rule.object ?? {};
    this.effort++;
    const name = frame.name = foldName(quoted);
    if (own(required, name) !== undefined) frame.seen.add(name);
    const newName = own(renamed, name);
    if (newName !== undefined) {
      this.#held = NOTHING;
      this.#insert(this.#nameStart, JSON.stringify(newName), frame.rule);
      this.#from = end;
    }
    this.#emitHeld();
    this.#mode = "structure";
    return end;
  }

  #emitHeld(): void {
    if (this.#held.length > 0) this.#output.push(this.#held);
    this.#held = NOTHING;
  }

  /** Strings within are skipped here, too, because most bytes of a document are. */
  #skip(start: number): number {
    const chunk = this.#chunk;
    let depth = this.#skipDepth;
    let isString = this.#isString;
    let at = this.#isEscaped ? start + 1 : start;
    this.#isEscaped = false;
    for (; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (isString) {
        if (byte === BACKSLASH) at++;
        else if (byte === QUOTE) isString = false;
      } else if (byte === QUOTE) {
        isString = true;
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        depth++;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        depth--;
      }
      if (depth > 0 || isString) continue;
      this.#skipDepth = 0;
      this.#isString = false;
      this.#mode = "structure";
      return at + 1;
    }
    this.#skipDepth = depth;
    this.#isString = isString;
    this.#isEscaped = at > chunk.length;
    return chunk.length;
  }

  #checkString(start: number): number {
    const rule = ruleWithin(this.#frames.at(-1)!)!;
    const character = rule.character!.charCodeAt(0);
    for (let at = start; at < this.#chunk.length; at++) {
      const byte = this.#chunk[at]!;
      if (this.#escape.digits > 0) {
        const code = this.#escape.code * 16 + parseInt(String.fromCharCode(byte), 16);
        this.#escape = { digits: this.#escape.digits - 1, code };
        if (this.#escape.digits === 0 && code === character) this.#hasCharacter = true;
      } else if (this.#isEscaped) {
        this.#isEscaped = false;
        if (byte === LETTER_U) this.#escape = { digits: 4, code: 0 };
      } else if (byte === BACKSLASH) {
        this.#isEscaped = true;
      } else if (byte === character) {
        this.#hasCharacter = true;
      } else if (byte === QUOTE) {
        if (!this.#hasCharacter) this.#insert(at, rule.character!, rule);
        this.#mode = "structure";
        return at + 1;
      }
    }
    return this.#chunk.length;
  }

  #takeLiteral(start: number): number {
    let at = start;
    while (at < this.#chunk.length && !isDelimiter(this.#chunk[at]!)) at++;
    if (this.#mode === "dropped-literal") this.#from = at;
    if (at < this.#chunk.length) this.#mode = "structure";
    return at;
  }

  /** Passes on whatever follows. */
  #end(at: number, state: "complete" | "broken"): number {
    this.#mode = "ended";
    this.#state = state;
    return at;
  }

  #emitUntil(at: number): void {
    if (at > this.#from) this.#output.push(this.#chunk.subarray(this.#from, at));
    this.#from = Math.max(this.#from, at);
  }

  #insert(at: number, text: string, { code }: ValueRule): void {
    this.#emitUntil(at);
    this.#output.push(encoder.encode(text));
    this.patches.add(code);
    this.effort++;
  }
}
