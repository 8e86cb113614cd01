/**
 * Writes the message of a list of facts or problems item by item, so that the list is in memory once, as the bytes that
 * go to the broker.
 *
 * @module
 */
import { TerminalError } from "../errors.ts";
import { BlockBuffer, type Span } from "./block_buffer.ts";
import { type FactEntry, type ListHeader, MAX_MESSAGE_BYTES, type ProblemEntry } from "./messages.ts";

/** Writes one message; dispose of it (`using`) to give back what it holds. */
export class ListWriter implements Disposable {
  readonly #text = new BlockBuffer();
  readonly #tail: string;
  readonly #dropped: Span[] = [];
  readonly #headEnd: number;

  /** Begins the message of a list. */
  constructor(header: ListHeader, name: "facts" | "problems") {
    const head = JSON.stringify({
      environment: header.environment,
      projectName: header.projectName,
      environmentName: header.environmentName,
    });
    this.#text.write(`${head.slice(0, -1)},"${name}":[`);
    this.#headEnd = this.#text.length;
    this.#tail = `],"type":"direct.${name}"}`;
  }

  /** Bytes that it holds. */
  get heldBytes(): number {
    return this.#text.capacity;
  }

  /**
   * Adds an item; gives its place, by which it can be dropped.
   *
   * @throws {TerminalError} Code `message-too-large`, above {@link MAX_MESSAGE_BYTES}.
   */
  add(entry: FactEntry | ProblemEntry): Span {
    const start = this.#text.length;
    this.#text.write(start === this.#headEnd ? JSON.stringify(entry) : `,${JSON.stringify(entry)}`);
    if (this.#text.length + this.#tail.length > MAX_MESSAGE_BYTES) throw tooLarge();
    return { start, end: this.#text.length };
  }

  /** Leaves an item out after all. */
  drop(span: Span): void {
    this.#dropped.push(span);
  }

  /** Ends the message and gives its bytes: UTF-8 JSON in the shapes of contract §1.1. */
  finish(): Uint8Array<ArrayBuffer> {
    const gaps = this.#dropped.length === 0 ? [] : this.#gaps();
    this.#text.write(this.#tail);
    return this.#text.take(gaps);
  }

  #gaps(): Span[] {
    const gaps = this.#dropped.toSorted((a, b) => a.start - b.start);
    // Each item but the first came with a comma before it, and the first one that is left needs none.
    const first = gaps.reduce((at, gap) => gap.start === at ? gap.end : at, this.#headEnd);
    if (first === this.#headEnd || first === this.#text.length) return gaps;
    return [...gaps, { start: first, end: first + 1 }].sort((a, b) => a.start - b.start);
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    this.#text[Symbol.dispose]();
  }
}

function tooLarge(): TerminalError {
  return new TerminalError(
    "message-too-large",
    `Cannot send the message as it must have at most ${MAX_MESSAGE_BYTES} bytes: send the items in several requests`,
  );
}
