/**
 * A streaming JSON reader: takes bytes as they arrive and hands out one value at a time. Memory is bounded by depth and by
 * bytes per value. A value that is too large is skipped and reported, and what follows is still read. Errors never quote
 * the input.
 *
 * @module
 */
import {
  type ParsedTokenInfo,
  Tokenizer,
  TokenizerError,
  TokenParser,
  TokenParserError,
  TokenType,
} from "@streamparser/json";
import { AppError } from "../errors.ts";
import { isClosing, isOpening, type JsonPlace, Outline } from "./outline.ts";

/** JSON that cannot be read; its code is `json-malformed`, `json-encoding`, `json-too-deep` or `json-too-large`. */
export class JsonError extends AppError {
  override name = "JsonError";
}

/** The type of a JSON value. */
export type JsonType = "object" | "array" | "string" | "number" | "boolean" | "null";

/** What to read, and within which limits. */
export interface JsonReaderOptions {
  /**
   * The values to hand out: `$` is a document, `$[*]` each element of an array, `$.items[*]` each element of a member,
   * `$.*` each member. Where two paths match, the outer value is handed out.
   */
  readonly paths: readonly string[];
  readonly maxDepth: number;
  /** For each value of `paths`, and for each string outside of them. */
  readonly maxValueBytes: number;
  readonly onValue: (value: unknown, place: JsonPlace) => void;
  /** Called once for each value that is skipped. */
  readonly onTooLarge: (place: JsonPlace) => void;
  /** Called for the start of each value outside of `paths`, so that a caller can check the document's shape. */
  readonly onOther?: (type: JsonType, place: JsonPlace) => void;
}

/** The tokenizer takes several times the memory of what it is given at once. */
const SLICE_BYTES = 16 * 1024;
/** The tokenizer converts a number after each slice that it is in, which takes time in proportion to its length. */
const MAX_NUMBER_CHARACTERS = 1000;

const encoder = new TextEncoder();
const QUOTE = encoder.encode('"');

/** A selected value that is being received. */
interface CurrentValue {
  readonly place: JsonPlace;
  /** Where it starts, in bytes that the tokenizer was given. */
  readonly start: number;
  /** Arrays and objects of it that are open. */
  depth: number;
  isSkipped: boolean;
}

/** Reads one document. What a callback throws ends the reading, and goes to the caller of `push`. */
export class JsonReader {
  readonly #options: JsonReaderOptions;
  readonly #outline: Outline;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #tokenizer = this.#createTokenizer();
  #writtenBytes = 0;
  /** Builds selected values. */
  #builder: TokenParser;
  #value: CurrentValue | undefined;
  /** The token that the last slice ended in. */
  #cutToken: ParsedTokenInfo | undefined;
  #cutEscape = "";
  #isStopped = false;

  /** Starts a reader; there is nothing to dispose of. */
  constructor(options: JsonReaderOptions) {
    this.#options = options;
    this.#outline = new Outline(options.paths);
    this.#builder = this.#createBuilder();
  }

  /**
   * Takes the next bytes.
   *
   * @throws {JsonError} With any of its codes.
   */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.#isStopped; at += SLICE_BYTES) {
      this.#write(this.#decode(chunk.subarray(at, at + SLICE_BYTES)));
      this.#checkSlice();
    }
  }

  /**
   * Ends the input.
   *
   * @throws {JsonError} When the document is not complete, or there is none.
   */
  end(): void {
    if (this.#isStopped) return;
    this.#decode();
    this.#run(() => this.#tokenizer.end());
    if (!this.#outline.isEnded || this.#value || this.#cutEscape !== "") throw malformed();
  }

  /** Ignores all that follows. */
  stop(): void {
    this.#isStopped = true;
  }

  #decode(bytes?: Uint8Array): string {
    try {
      return bytes ? this.#decoder.decode(bytes, { stream: true }) : this.#decoder.decode();
    } catch {
      throw new JsonError("json-encoding", "The JSON is not UTF-8");
    }
  }

  #write(decoded: string): void {
    const [text, cutEscape] = splitCutEscape(this.#cutEscape + decoded);
    this.#cutEscape = cutEscape;
    this.#cutToken = undefined;
    const bytes = encoder.encode(protectMarks(text));
    this.#writtenBytes += bytes.length;
    this.#run(() => this.#tokenizer.write(bytes));
  }

  #run(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (this.#isStopped) return;
      // Their messages quote the input.
      if (error instanceof TokenizerError || error instanceof TokenParserError) throw malformed();
      throw error;
    }
  }

  #checkSlice(): void {
    if (this.#isStopped) return;
    const start = this.#value?.start ?? this.#cutToken?.offset ?? this.#writtenBytes;
    if (!this.#value?.isSkipped && this.#writtenBytes - start > this.#options.maxValueBytes) {
      this.#skip(this.#value ?? this.#startCutString());
    }
    if (Number.isNaN(this.#cutToken?.value)) throw malformed();
    if (this.#value?.isSkipped && this.#cutToken?.token === TokenType.STRING) this.#forgetString();
  }

  /** A tokenizer holds a string until its end: another one goes on within it. */
  #forgetString(): void {
    this.#tokenizer = this.#createTokenizer();
    this.#tokenizer.write(QUOTE);
    this.#writtenBytes = QUOTE.length;
  }

  #createTokenizer(): Tokenizer {
    // Partial tokens show whether a slice ended within a string.
    const tokenizer = new BoundedTokenizer({ emitPartialTokens: true });
    tokenizer.onToken = (token) => {
      if (this.#isStopped) return;
      if (token.partial) this.#cutToken = token;
      else if (Number.isNaN(token.value)) throw malformed();
      else if (this.#value) this.#takeInValue(token, this.#value);
      else this.#take(token);
    };
    return tokenizer;
  }

  #createBuilder(): TokenParser {
    const builder = new TokenParser({ paths: ["$"], separator: "" });
    builder.onValue = ({ value }) => {
      const current = this.#value;
      if (!current) return;
      this.#value = undefined;
      this.#options.onValue(value, current.place);
    };
    return builder;
  }

  #take(token: ParsedTokenInfo): void {
    const isValue = this.#outline.startsValue(token);
    if (isValue && this.#outline.isSelected()) return this.#takeInValue(token, this.#startValue(token));
    if (endOf(token) - token.offset > this.#options.maxValueBytes) throw this.#tooLarge();
    const place = isValue && this.#outline.place;
    this.#outline.write(token);
    if (!place) return;
    this.#checkDepth(this.#outline.place.depth);
    this.#options.onOther?.(typeOf(token), place);
  }

  #startValue({ offset }: ParsedTokenInfo): CurrentValue {
    const { place } = this.#outline;
    this.#outline.writeValue();
    return this.#value = { place, start: offset, depth: 0, isSkipped: false };
  }

  #startCutString(): CurrentValue {
    const token = this.#cutToken;
    if (token && this.#outline.startsValue(token) && this.#outline.isSelected()) {
      return this.#startValue(token);
    }
    throw this.#tooLarge();
  }

  #takeInValue(token: ParsedTokenInfo, value: CurrentValue): void {
    if (isOpening(token.token)) this.#checkDepth(value.place.depth + ++value.depth);
    else if (isClosing(token.token)) value.depth--;
    const isComplete = value.depth === 0;
    if (isComplete && !value.isSkipped && endOf(token) - value.start > this.#options.maxValueBytes) {
      this.#skip(value);
    }
    if (!value.isSkipped) this.#builder.write(token);
    if (isComplete) this.#value = undefined;
  }

  #skip(value: CurrentValue): void {
    value.isSkipped = true;
    this.#builder = this.#createBuilder();
    this.#options.onTooLarge(value.place);
  }

  #tooLarge(): JsonError {
    return new JsonError("json-too-large", `A string has more than ${this.#options.maxValueBytes} bytes`);
  }

  #checkDepth(depth: number): void {
    const { maxDepth } = this.#options;
    if (depth <= maxDepth) return;
    throw new JsonError("json-too-deep", `Arrays and objects are more than ${maxDepth} deep in each other`);
  }
}

/** Gives NaN, which JSON can't hold, for a number that is too long. */
class BoundedTokenizer extends Tokenizer {
  protected override parseNumber(text: string): number {
    return text.length > MAX_NUMBER_CHARACTERS ? Number.NaN : Number(text);
  }
}

function typeOf({ token, value }: ParsedTokenInfo): JsonType {
  if (isOpening(token)) return token === TokenType.LEFT_BRACE ? "object" : "array";
  return value === null ? "null" : typeof value as JsonType;
}

/** Where a token ends, in bytes; a string with escapes or characters beyond ASCII ends later. */
function endOf({ token, value, offset }: ParsedTokenInfo): number {
  return offset + (token === TokenType.STRING ? String(value).length + 2 : 1);
}

/** Takes the beginning of an escape off the end, so that no slice ends within one. */
function splitCutEscape(text: string): [whole: string, cut: string] {
  const cut = /\\(?:u[0-9A-Fa-f]{0,3})?$/.exec(text.slice(-5));
  if (!cut) return [text, ""];
  const at = text.length - cut[0].length;
  let before = at;
  while (text[before - 1] === "\\") before--;
  // Behind an odd number of backslashes, this one is escaped itself.
  return (at - before) % 2 === 0 ? [text.slice(0, at), text.slice(at)] : [text, ""];
}

/**
 * The library drops a U+FEFF that a run of characters beyond ASCII starts with, so it is given another one there; and an escaped
 * one, so it is given the character.
 */
function protectMarks(text: string): string {
  if (!text.includes("\uFEFF") && !/\\ufeff/i.test(text)) return text;
  const unescaped = text.replace(/\\(?:ufeff|.)/gis, (escape) => escape.length > 2 ? "\uFEFF" : escape);
  return unescaped.replace(/(^|[\0-\x7F])\uFEFF/g, "$1\uFEFF\uFEFF");
}

function malformed(): JsonError {
  return new JsonError("json-malformed", "The text is not a JSON document");
}
