/**
 * What an object may have in JSON. A tenant can make its objects as large as etcd allows, and JSON makes each `<` six times as
 * large, so that an object beyond the limit is skipped wherever it appears.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { TerminalError } from "../errors.ts";

/**
 * Most bytes of an object in JSON. A ConfigMap has at most 1.4 MB of data in base64, and the annotations of an object at most
 * 1.6 MB, each character of them escaped.
 */
export const MAX_OBJECT_BYTES = 2 * 1024 * 1024;

/** The API server writes an object's name and namespace within its first bytes. */
const HEAD_BYTES = 2 * 1024;

/** What is known of an object that was skipped. */
export interface SkippedObject {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

const NAME = /"metadata":\{"name":"([^"]*)"(?:,"generateName":"[^"]*")?(?:,"namespace":"([^"]*)")?/;

/** The JSON of one object as it arrives; of one that is too large, only the head. */
export class ObjectText {
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  /** Whether anything was added. */
  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** Whether the text has more than {@link MAX_OBJECT_BYTES}. */
  get isTooLarge(): boolean {
    return this.#bytes > MAX_OBJECT_BYTES;
  }

  /** Adds the next bytes. */
  add(piece: Uint8Array): void {
    this.#bytes += piece.length;
    this.#pieces.push(piece);
    if (this.isTooLarge) this.#pieces = [Buffer.concat(this.#pieces, HEAD_BYTES)];
  }

  /** Returns the text, and starts with another object. */
  take(): string {
    const text = Buffer.concat(this.#pieces).toString();
    this.#pieces = [];
    this.#bytes = 0;
    return text;
  }

  /** Returns only the object's name, and starts with another object. */
  takeName(): SkippedObject {
    const [, name, namespace] = NAME.exec(this.take()) ?? [];
    return { name, namespace };
  }
}

/** The API server's answer about an object has more than {@link MAX_OBJECT_BYTES}. Its code is `object-too-large`. */
export class ObjectTooLargeError extends TerminalError {
  override name = "ObjectTooLargeError";

  /** Makes an error; the message tells a site's developer what to do. */
  constructor() {
    super(
      "object-too-large",
      `Cannot read this object because it has more than ${MAX_OBJECT_BYTES} bytes in JSON, where "<", ">" and "&" take ` +
        "six each: shorten it, or store its data in binaryData",
    );
  }
}
