/**
 * Turns a posted list into the message for Lagoon core while it arrives. Each item is parsed, checked, repaired and written
 * before the next one: memory holds the message and one item, however large the body is.
 *
 * @module
 */
import type { z } from "zod";
import { AppError } from "../errors.ts";
import type { JsonPlace } from "../json/outline.ts";
import { JsonError, JsonReader, type JsonType } from "../json/reader.ts";
import type { Environment } from "../lagoon.ts";
import { BodyError } from "./errors.ts";
import { FACT_FIELDS, PROBLEM_FIELDS } from "./fields.ts";
import { checkJson } from "./json_text.ts";
import { ListWriter, type Span } from "./list_writer.ts";
import { factEntry, listHeader, problemEntry } from "./messages.ts";
import { LatestItems, repairFact, repairProblem, Warnings } from "./repairs.ts";
import { describeMistakes, factSchema, MAX_COUNTED, problemSchema, summarize } from "./schemas.ts";

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

/** A body that is becoming a message. */
export interface PostedList {
  /**
   * Takes the next bytes of the body.
   *
   * @throws {BodyError} When they are no part of a list.
   * @throws {AppError} Codes `too-many-items`, `item-too-large` and `message-too-large`.
   */
  push(chunk: Uint8Array): void;
  /** The same with the whole body, which must be small. */
  pushWhole(body: Uint8Array): void;
  /**
   * Ends the body; returns the message, and a warning for each repair.
   *
   * @throws {BodyError} When it is not a whole list, or items are invalid: the text names item and field.
   */
  end(): { readonly body: Uint8Array<ArrayBuffer>; readonly warnings: readonly string[] };
}

/**
 * Starts a list of facts: an array, or an object with the array as `facts`.
 *
 * @throws {AppError} Code `environment-id`, when the environment's id is not a number.
 */
export function createFactList(environment: Environment, limits: ListLimits): PostedList {
  const header = listHeader(environment);
  const writer = new ListWriter(header, "facts");
  const warnings = new Warnings();
  const latest = new LatestItems("facts", FACT_FIELDS, warnings, (span: Span) => writer.drop(span));
  return createList({ name: "facts", mayBeWrapped: true }, limits, {
    schema: factSchema,
    writer,
    warnings,
    add: (fact, index) => {
      const repaired = repairFact(fact, { path: `facts[${index}]`, warnings });
      latest.remember(repaired, index, writer.add(factEntry(header, repaired)));
    },
  });
}

/**
 * Starts a list of problems: an array.
 *
 * @throws {AppError} Code `environment-id`, when the environment's id is not a number.
 */
export function createProblemList(environment: Environment, limits: ListLimits): PostedList {
  const header = listHeader(environment);
  const writer = new ListWriter(header, "problems");
  const warnings = new Warnings();
  const latest = new LatestItems("problems", PROBLEM_FIELDS, warnings, (span: Span) => writer.drop(span));
  return createList({ name: "problems", mayBeWrapped: false }, limits, {
    schema: problemSchema,
    writer,
    warnings,
    add: (problem, index) => {
      const repaired = repairProblem(problem, { path: `problems[${index}]`, warnings });
      latest.remember(repaired, index, writer.add(problemEntry(header.environment, repaired)));
    },
  });
}

interface ListParts<Item> {
  readonly schema: z.ZodType<Item, unknown>;
  readonly writer: ListWriter;
  readonly warnings: Warnings;
  add(item: Item, index: number): void;
}

function createList<Item>(
  shape: { readonly name: "facts" | "problems"; readonly mayBeWrapped: boolean },
  limits: ListLimits,
  { schema, writer, warnings, add }: ListParts<Item>,
): PostedList {
  const mistakes: string[] = [];
  const reader = new ItemReader({ ...shape, ...limits }, (value, index) => {
    const { success, data, error } = schema.safeParse(value);
    // A list with a mistake is not sent.
    if (!success) mistakes.push(...describeMistakes(`${shape.name}[${index}]`, error));
    else if (mistakes.length === 0) add(data, index);
    if (mistakes.length >= MAX_COUNTED) throw new BodyError("body-invalid", summarize(mistakes));
  });
  return {
    push: (chunk) => reader.push(chunk),
    pushWhole: (body) => {
      if (!reader.readArray(body)) reader.push(body);
    },
    end() {
      reader.end();
      if (mistakes.length > 0) throw new BodyError("body-invalid", summarize(mistakes));
      return { body: writer.finish(), warnings: warnings.list() };
    },
  };
}

const OPEN_ARRAY = "[".charCodeAt(0);
const decoder = new TextDecoder("utf-8", { fatal: true });

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Takes the items of one list out of its JSON, as bytes arrive. */
export class ItemReader {
  readonly #options: ListOptions;
  readonly #reader: JsonReader;
  readonly #onItem: (item: unknown, index: number) => void;
  #rootType: JsonType | undefined;
  #hasList = false;
  #isEnded = false;

  /**
   * Starts a body.
   *
   * @param onItem Takes each item and its index; what it throws goes to the caller of `push`.
   */
  constructor(options: ListOptions, onItem: (item: unknown, index: number) => void) {
    this.#options = options;
    this.#onItem = onItem;
    const { name, mayBeWrapped, maxItemBytes, maxJsonDepth } = options;
    this.#reader = new JsonReader({
      paths: mayBeWrapped ? ["$[*]", `$.${name}[*]`] : ["$[*]"],
      maxDepth: maxJsonDepth,
      maxValueBytes: maxItemBytes,
      onValue: (item, { key }) => this.#take(item, Number(key)),
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
   * Reads the whole body if it is an array: most are, and JSON.parse takes a fraction of the reader's time.
   *
   * @returns Whether it was read. What can't be read in this way must be pushed, which also finds the reason.
   * @throws {AppError} Code `too-many-items`.
   */
  readArray(body: Uint8Array): boolean {
    const { maxItemBytes, maxJsonDepth } = this.#options;
    if (body[0] !== OPEN_ARRAY || body.length > maxItemBytes) return false;
    const text = decodeUtf8(body);
    if (text === undefined || checkJson(text, maxJsonDepth) !== "json") return false;
    const items: unknown[] = JSON.parse(text);
    for (const [index, item] of items.entries()) this.#take(item, index);
    return this.#hasList = this.#isEnded = true;
  }

  #take(item: unknown, index: number): void {
    const { name, maxItems } = this.#options;
    if (index >= maxItems) {
      throw new AppError("too-many-items", `${name}: expected at most ${maxItems} items`);
    }
    this.#onItem(item, index);
  }

  /**
   * Ends the body.
   *
   * @throws {BodyError} Codes `body-json`, `body-encoding` and `body-invalid`, when it is not a whole list.
   */
  end(): void {
    if (!this.#isEnded) this.#run(() => this.#reader.end());
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
