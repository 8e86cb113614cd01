/**
 * What a connection brings, handed to node's parser in slices. The parser makes all the requests that its bytes hold, at
 * 5 kB of memory each: 64 KiB that are read at once would be thousands. Where requests end is guessed and not parsed; a wrong
 * guess costs a slice.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** What a feed needs to know about its connection. */
export interface FeedTarget {
  /** Whether a whole request is to be answered first. */
  readonly hasWholeRequest: boolean;
  /** Whether the body of a request is arriving. */
  readonly isReadingBody: boolean;
  /** Gives bytes to the parser, which may make a request of them at once. */
  parse(bytes: Buffer): void;
}

const HEAD_END = Buffer.from("\r\n\r\n");

/** A head has at least so many bytes before its end: `GET / HTTP/1.1`. */
const LEAST_HEAD_BYTES = 14;

/**
 * Within a body ends of heads are rare, unless it means no good: then this bounds the number of slices. Only what
 * follows the body in one such slice can become requests too early.
 */
const LEAST_BODY_SLICE_BYTES = 128;

/** Bytes between a socket and its parser. */
export class ParserFeed {
  readonly #target: FeedTarget;
  readonly #kept: Buffer[] = [];

  /** Makes a feed for one connection. */
  constructor(target: FeedTarget) {
    this.#target = target;
  }

  /** Whether bytes wait until a request is answered: then no more should be read. */
  get isFull(): boolean {
    return this.#kept.length > 0;
  }

  /** Takes what was read. */
  push(chunk: Buffer): void {
    this.#kept.push(chunk);
    if (this.#kept.length === 1) this.release();
  }

  /** Goes on, after an answer. */
  release(): void {
    while (!this.#target.hasWholeRequest) {
      const chunk = this.#kept[0];
      if (chunk === undefined) return;
      const end = sliceEnd(chunk, this.#target.isReadingBody);
      if (end === chunk.length) this.#kept.shift();
      else this.#kept[0] = chunk.subarray(end);
      this.#target.parse(end === chunk.length ? chunk : chunk.subarray(0, end));
    }
  }

  /** Forgets what waits. */
  clear(): void {
    this.#kept.length = 0;
  }
}

function sliceEnd(chunk: Buffer, isReadingBody: boolean): number {
  const headEnd = chunk.indexOf(HEAD_END, isReadingBody ? LEAST_BODY_SLICE_BYTES : LEAST_HEAD_BYTES);
  if (headEnd < 0) return chunk.length;
  const end = headEnd + HEAD_END.length;
  // One slice is cheaper than two, and most bodies come together with their head. They are JSON, a request is not.
  const isBody = !isUpperCase(chunk[end]) && chunk.indexOf(HEAD_END, end) < 0;
  return isBody ? chunk.length : end;
}

/** Whether a method may begin with it. */
function isUpperCase(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x41 && byte <= 0x5a;
}
