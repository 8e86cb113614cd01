/**
 * Text as UTF-8 in blocks of memory, for texts of many megabytes: growing never copies, and when the text is taken out,
 * each block's memory is given back as soon as it was copied.
 *
 * @module
 */
import { giveBack } from "../give_back.ts";

/** A part of the text, in bytes from its beginning. */
export interface Span {
  /** Its first byte. */
  readonly start: number;
  /** The one after its last byte. */
  readonly end: number;
}

interface Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where it begins in the text. */
  readonly start: number;
  /** How much of it is used; the last bytes may be too few for a character. */
  used: number;
}

/** Size of the first block; each is twice as large as the one before, up to the largest. */
const FIRST_BLOCK_BYTES = 1024;
const LARGEST_BLOCK_BYTES = 256 * 1024;

const encoder = new TextEncoder();

/** A text that grows; dispose of it (`using`) to give its memory back at once, and not when the garbage is collected. */
export class BlockBuffer implements Disposable {
  #blocks: Block[] = [];
  #length = 0;
  #capacity = 0;

  /** Bytes of the text so far. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of memory. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Adds a text. */
  write(text: string): void {
    for (let rest = text; rest !== "";) {
      const block = this.#lastBlock();
      const { read, written } = encoder.encodeInto(rest, block.bytes.subarray(block.used));
      block.used += written;
      this.#length += written;
      rest = rest.slice(read);
      if (rest !== "") this.#addBlock();
    }
  }

  /**
   * Takes the text out, which leaves nothing behind. One that is in a single block is not copied.
   *
   * @param gaps Parts to leave out, in their order.
   */
  take(gaps: readonly Span[] = []): Uint8Array<ArrayBuffer> {
    const [only, another] = this.#blocks;
    if (only && !another && gaps.length === 0) {
      this.#clear();
      return only.bytes.subarray(0, only.used);
    }
    const left = gaps.reduce((sum, { start, end }) => sum + end - start, 0);
    const text = new Uint8Array(this.#length - left);
    let to = 0;
    for (const block of this.#blocks) {
      for (const { start, end } of keptParts(block, gaps)) {
        text.set(block.bytes.subarray(start - block.start, end - block.start), to);
        to += end - start;
      }
      giveBack(block.bytes);
    }
    this.#clear();
    return text;
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    for (const { bytes } of this.#blocks) giveBack(bytes);
    this.#clear();
  }

  #clear(): void {
    this.#blocks = [];
    this.#length = 0;
    this.#capacity = 0;
  }

  #lastBlock(): Block {
    return this.#blocks.at(-1) ?? this.#addBlock();
  }

  #addBlock(): Block {
    const size = Math.min(LARGEST_BLOCK_BYTES, FIRST_BLOCK_BYTES * 2 ** this.#blocks.length);
    const block = { bytes: new Uint8Array(size), start: this.#length, used: 0 };
    this.#blocks.push(block);
    this.#capacity += size;
    return block;
  }
}

/** What a block has of the text without the gaps. */
function* keptParts({ start, used }: Block, gaps: readonly Span[]): Generator<Span> {
  const end = start + used;
  let at = start;
  for (const gap of gaps) {
    if (gap.end <= at) continue;
    if (gap.start >= end) break;
    if (gap.start > at) yield { start: at, end: gap.start };
    at = gap.end;
  }
  if (at < end) yield { start: at, end };
}
