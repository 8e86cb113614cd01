/**
 * Takes a list of items out of a body while it arrives, one item at a time: no body is ever in memory as a whole.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { JsonPlace } from "../json/outline.ts";
import { JsonError, JsonReader, type JsonType } from "../json/reader.ts";
import { BodyError } from "./errors.ts";

/** How much of a body is accepted. */
export interface ListLimits {
  readonly maxItems: number;
  readonly maxItemBytes: number;
  readonly maxJsonDepth: number;
}

/** What a body may be. */
export interface ListOptions extends ListLimits {
  /** The list's name in the HTTP API. */
  readonly name: "facts" | "problems";
  /** Whether the list may also be the member of that name in an object. */
  readonly mayBeWrapped: boolean;
}

/** Reads one body. */
export class ItemReader {
  readonly #options: ListOptions;
  readonly #reader: JsonReader;
  #rootType: JsonType | undefined;
  #hasList = false;

  /**
   * Starts a body.
   *
   * @param onItem Takes each item and its index; what it throws goes to the caller of `push`.
   */
  constructor(options: ListOptions, onItem: (item: unknown, index: number) => void) {
    this.#options = options;
    const { name, mayBeWrapped, maxItems, maxItemBytes, maxJsonDepth } = options;
    this.#reader = new JsonReader({
      paths: mayBeWrapped ? ["$[*]", `$.${name}[*]`] : ["$[*]"],
      maxDepth: maxJsonDepth,
      maxValueBytes: maxItemBytes,
      onValue: (item, { key }) => {
        const index = Number(key);
        if (index >= maxItems) {
          throw new AppError("too-many-items", `${name}: expected at most ${maxItems} items`);
        }
        onItem(item, index);
      },
      onTooLarge: ({ key }) => {
        throw this.#tooLarge(`${name}[${key}]`);
      },
      onOther: (type, place) => this.#checkShape(type, place),
    });
  }

  /**
   * Takes the next bytes.
   *
   * @throws {BodyError} Codes `body-json`, `body-encoding`, `body-too-deep` and `body-invalid`.
   * @throws {AppError} Codes `too-many-items` and `item-too-large`.
   */
  push(chunk: Uint8Array): void {
    this.#run(() => this.#reader.push(chunk));
  }

  /**
   * Ends the body.
   *
   * @throws {BodyError} Codes `body-json`, `body-encoding` and `body-invalid`, when it is not a whole list.
   */
  end(): void {
    this.#run(() => this.#reader.end());
    if (!this.#hasList) throw this.#wrongBody(this.#rootType ?? "null");
  }

  #checkShape(type: JsonType, { key, depth }: JsonPlace): void {
    const { name, mayBeWrapped } = this.#options;
    // Clients written in Go send null for an empty list.
    const isList = type === "array" || type === "null";
    if (depth === 0) {
      this.#rootType = type;
      this.#hasList = isList;
      if (type === "object" && !mayBeWrapped) throw this.#wrongBody(type);
    } else if (depth === 1 && key === name) {
      if (this.#hasList) throw new BodyError("body-invalid", `${name}: expected once`);
      if (!isList) throw new BodyError("body-invalid", `${name}: expected array, received ${type}`);
      this.#hasList = true;
    }
  }

  #run(step: () => void): void {
    try {
      step();
    } catch (error) {
      throw error instanceof JsonError ? this.#bodyError(error) : error;
    }
  }

  #bodyError({ code }: JsonError): AppError {
    switch (code) {
      case "json-encoding":
        return new BodyError("body-encoding", "The body must be UTF-8");
      case "json-too-deep":
        return new BodyError(
          "body-too-deep",
          `body: expected arrays and objects at most ${this.#options.maxJsonDepth} deep in each other`,
        );
      case "json-too-large":
        return this.#tooLarge("body");
      default:
        return new BodyError("body-json", "The body must be a JSON document");
    }
  }

  #tooLarge(what: string): AppError {
    return new AppError("item-too-large", `${what}: expected at most ${this.#options.maxItemBytes} bytes`);
  }

  #wrongBody(received: JsonType): BodyError {
    const { name, mayBeWrapped } = this.#options;
    const expected = mayBeWrapped ? `an array of ${name}, or an object with ${name}` : `an array of ${name}`;
    return new BodyError("body-invalid", `body: expected ${expected}, received ${received}`);
  }
}
