/**
 * Finds where a JSON value ends, byte by byte, and holds its bytes until then. It knows texts, escapes and how deep
 * arrays and objects are in each other, and nothing else: whether the value is JSON shows when it is parsed.
 *
 * @module
 */
import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
} from "./json_bytes.ts";

/** Never asked to go on with a text, so that all can share it. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Scans one value after the other. */
export class ValueScanner {
  /** The value's bytes from earlier chunks. */
  #pieces: Uint8Array[] = [];
  #pendingBytes = 0;
  #depth = 0;
  #isInText = false;
  #isEscaped = false;

  /** Bytes of the value that are held. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** How many of the value's own arrays and objects are open. */
  get depth(): number {
    return this.#depth;
  }

  /** Goes on by one byte; tells whether the value has ended before it. */
  endsBefore(byte: number): boolean {
    if (this.#isInText) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) this.#isInText = false;
      return false;
    }
    switch (byte) {
      case QUOTE:
        this.#isInText = true;
        return false;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        this.#depth++;
        return false;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        return --this.#depth < 0;
      case COMMA:
      case COLON:
        return this.#depth === 0;
      default:
        return false;
    }
  }

  /** Holds bytes of a value that goes on in the next chunk; they are copied, since the chunk is somebody else's. */
  keep(piece: Uint8Array): void {
    this.#pieces.push(piece.slice());
    this.#pendingBytes += piece.length;
  }

  /**
   * Gives the whole value as text, and begins anew.
   *
   * @param last Its last bytes.
   * @throws {TypeError} When it is not UTF-8.
   */
  take(last: Uint8Array): string {
    const bytes = this.#pieces.length === 0 ? last : concatenate([...this.#pieces, last]);
    this.#pieces = [];
    this.#pendingBytes = 0;
    this.#depth = 0;
    return decoder.decode(bytes);
  }
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
