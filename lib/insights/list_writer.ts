/**
 * Writes the message of a list of facts or problems item by item, so that the list is in memory once, as the bytes that
 * go to the broker.
 *
 * @module
 */
import { TerminalError } from "../errors.ts";
import { type FactEntry, type ListHeader, MAX_MESSAGE_BYTES, type ProblemEntry } from "./messages.ts";

const FIRST_CAPACITY = 4096;
const COMMA = ",".charCodeAt(0);

/** Where an item's bytes are, with the comma before it. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Writes one message. */
export class ListWriter {
  readonly #encoder = new TextEncoder();
  readonly #tail: string;
  readonly #dropped: Span[] = [];
  readonly #headEnd: number;
  #bytes = new Uint8Array(FIRST_CAPACITY);
  #length = 0;

  /** Begins the message of a list. */
  constructor(header: ListHeader, name: "facts" | "problems") {
    const head = JSON.stringify({
      environment: header.environment,
      projectName: header.projectName,
      environmentName: header.environmentName,
    });
    this.#write(`${head.slice(0, -1)},"${name}":[`);
    this.#headEnd = this.#length;
    this.#tail = `],"type":"direct.${name}"}`;
  }

  /** Bytes that it holds. */
  get heldBytes(): number {
    return this.#bytes.length;
  }

  /**
   * Adds an item; gives a mark by which it can be dropped.
   *
   * @throws {TerminalError} Code `message-too-large`, above {@link MAX_MESSAGE_BYTES}.
   */
  add(entry: FactEntry | ProblemEntry): Span {
    const start = this.#length;
    this.#write(`,${JSON.stringify(entry)}`);
    return { start, end: this.#length };
  }

  /** Leaves an item out after all. */
  drop(span: Span): void {
    this.#dropped.push(span);
  }

  /**
   * Ends the message and gives its bytes: UTF-8 JSON in the shapes of contract §1.1.
   *
   * @throws {TerminalError} Code `message-too-large`.
   */
  finish(): Uint8Array<ArrayBuffer> {
    this.#closeGaps();
    // Each item came with a comma before it.
    if (this.#length > this.#headEnd && this.#bytes[this.#headEnd] === COMMA) {
      this.#bytes.copyWithin(this.#headEnd, this.#headEnd + 1, this.#length);
      this.#length--;
    }
    this.#write(this.#tail);
    return this.#bytes.subarray(0, this.#length);
  }

  #closeGaps(): void {
    const gaps = this.#dropped.toSorted((a, b) => a.start - b.start);
    let to = gaps[0]?.start ?? this.#length;
    for (const [index, { end }] of gaps.entries()) {
      const next = gaps[index + 1]?.start ?? this.#length;
      this.#bytes.copyWithin(to, end, next);
      to += next - end;
    }
    this.#length = to;
  }

  #write(text: string): void {
    for (let rest = text;;) {
      const { read, written } = this.#encoder.encodeInto(rest, this.#bytes.subarray(this.#length));
      this.#length += written;
      if (read === rest.length) return;
      rest = rest.slice(read);
      this.#grow(rest.length);
    }
  }

  /** Makes room for at least so many bytes more. */
  #grow(bytes: number): void {
    if (this.#length + bytes > MAX_MESSAGE_BYTES) throw tooLarge();
    const capacity = Math.max(this.#length + bytes, Math.ceil(this.#bytes.length * 1.25));
    // The old memory is given back at once, and not when the garbage is collected.
    this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(Math.min(capacity, MAX_MESSAGE_BYTES)));
  }
}

function tooLarge(): TerminalError {
  return new TerminalError(
    "message-too-large",
    `Cannot send the message as it must have at most ${MAX_MESSAGE_BYTES} bytes: send the items in several requests`,
  );
}
