/**
 * Writes the message of a list item by item, as the bytes that go to the broker: the message is in memory once.
 *
 * @module
 */
import { TerminalError } from "../errors.ts";
import { type FactEntry, type ListHeader, MAX_MESSAGE_BYTES, type ProblemEntry } from "./messages.ts";

/** Where an item is in the message. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const FIRST_BYTES = 1024;
const GROWTH = 1.25;
const MAX_UTF8_BYTES = 3;
const COMMA = ",";

const encoder = new TextEncoder();

/** Writes one message. */
export class ListWriter {
  readonly #tail: string;
  readonly #dropped: Span[] = [];
  #buffer = new ArrayBuffer(FIRST_BYTES);
  #length = 0;

  /** Starts the message of a list. */
  constructor({ environment, projectName, environmentName }: ListHeader, name: "facts" | "problems") {
    const head = JSON.stringify({ environment, projectName, environmentName });
    this.#tail = `],"type":"direct.${name}"}`;
    this.#write(`${head.slice(0, -1)},"${name}":[`);
  }

  /**
   * Adds an item.
   *
   * @throws {TerminalError} Code `message-too-large`, above {@link MAX_MESSAGE_BYTES}.
   */
  add(item: FactEntry | ProblemEntry): Span {
    const start = this.#length;
    this.#write(JSON.stringify(item) + COMMA);
    if (this.#length + this.#tail.length > MAX_MESSAGE_BYTES) throw tooLarge();
    return { start, end: this.#length };
  }

  /** Removes an item. */
  drop(span: Span): void {
    this.#dropped.push(span);
  }

  /** Ends the message: UTF-8 JSON as in docs/protocol.md, "Messages". */
  finish(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#buffer);
    const gaps = this.#dropped.toSorted((a, b) => a.start - b.start);
    let kept = gaps[0]?.start ?? this.#length;
    for (const [index, { end }] of gaps.entries()) {
      const next = gaps[index + 1]?.start ?? this.#length;
      bytes.copyWithin(kept, end, next);
      kept += next - end;
    }
    this.#length = bytes[kept - 1] === COMMA.charCodeAt(0) ? kept - 1 : kept;
    this.#write(this.#tail);
    return new Uint8Array(this.#buffer, 0, this.#length);
  }

  #write(text: string): void {
    const needed = this.#length + text.length * MAX_UTF8_BYTES;
    // The old memory is free at once, without a garbage collection.
    if (needed > this.#buffer.byteLength) this.#buffer = this.#buffer.transfer(Math.ceil(GROWTH * needed));
    this.#length += encoder.encodeInto(text, new Uint8Array(this.#buffer, this.#length)).written;
  }
}

function tooLarge(): TerminalError {
  return new TerminalError(
    "message-too-large",
    `Cannot send the message as it must have at most ${MAX_MESSAGE_BYTES} bytes: send the items in several requests`,
  );
}
