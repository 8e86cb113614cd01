/**
 * What a client posts → the message for Lagoon core, while it arrives: each item is parsed, checked, repaired and written
 * before the next one, so that memory holds the message and one item, however large the body is.
 *
 * @module
 */
import type { z } from "zod";
import type { Environment } from "../lagoon.ts";
import type { Span } from "./block_buffer.ts";
import { factEntry, listHeader, problemEntry } from "./direct_messages.ts";
import { BodyError } from "./errors.ts";
import { ItemReader, type ListLimits } from "./item_reader.ts";
import { ListWriter } from "./list_writer.ts";
import { FactRepairs, repairProblem, Warnings } from "./repairs.ts";
import { describeMistakes, factSchema, MAX_COUNTED, problemSchema, summarize } from "./schemas.ts";

/** A body on its way to be a message; dispose of it (`using`) to give back what it holds. */
export interface PostedList extends Disposable {
  /** Bytes that it holds. */
  readonly heldBytes: number;
  /**
   * Takes the next bytes of the body.
   *
   * @throws {BodyError} When they can't be part of a list.
   * @throws {AppError} When they are more than is taken: codes `too-many-items`, `item-too-large`, `message-too-large`.
   */
  push(chunk: Uint8Array): void;
  /**
   * Ends the body, and gives the message and what was repaired.
   *
   * @throws {BodyError} When it is no list, or has mistakes: they are described by item and field.
   */
  end(): { readonly body: Uint8Array<ArrayBuffer>; readonly warnings: readonly string[] };
}

/**
 * Begins a list of facts: an array, or an object that holds the array as `facts`.
 *
 * @throws {AppError} Code `environment-id`, when the environment's id is not a number.
 */
export function createFactList(environment: Environment, limits: ListLimits): PostedList {
  const header = listHeader(environment);
  const writer = new ListWriter(header, "facts");
  const warnings = new Warnings();
  const repairs = new FactRepairs(warnings, (span: Span) => writer.drop(span));
  return createList({ name: "facts", mayBeWrapped: true }, limits, {
    schema: factSchema,
    writer,
    warnings,
    memory: repairs,
    add: (fact, index) => {
      const repaired = repairs.repair(fact, index);
      repairs.remember(repaired, index, writer.add(factEntry(header, repaired)));
    },
  });
}

/**
 * Begins a list of problems: an array.
 *
 * @throws {AppError} Code `environment-id`, when the environment's id is not a number.
 */
export function createProblemList(environment: Environment, limits: ListLimits): PostedList {
  const header = listHeader(environment);
  const writer = new ListWriter(header, "problems");
  const warnings = new Warnings();
  return createList({ name: "problems", mayBeWrapped: false }, limits, {
    schema: problemSchema,
    writer,
    warnings,
    memory: NO_MEMORY,
    add: (problem, index) => {
      const repaired = repairProblem(problem, { path: `problems[${index}]`, warnings });
      writer.add(problemEntry(header.environment, repaired));
    },
  });
}

const NO_MEMORY = { heldBytes: 0, clear: () => {} } as const;

/** What the two kinds of lists differ in. */
interface ListParts<Item> {
  readonly schema: z.ZodType<Item, unknown>;
  readonly writer: ListWriter;
  readonly warnings: Warnings;
  /** What it remembers of the items that are written. */
  readonly memory: { readonly heldBytes: number; clear(): void };
  /** Repairs an item and writes it. */
  add(item: Item, index: number): void;
}

function createList<Item>(
  shape: { readonly name: "facts" | "problems"; readonly mayBeWrapped: boolean },
  limits: ListLimits,
  { schema, writer, warnings, memory, add }: ListParts<Item>,
): PostedList {
  const mistakes: string[] = [];
  const reader = new ItemReader({ ...shape, ...limits }, (value, index) => {
    const { success, data, error } = schema.safeParse(value);
    // With a mistake nothing is sent: then only further mistakes are of interest.
    if (!success) mistakes.push(...describeMistakes(`${shape.name}[${index}]`, error));
    else if (mistakes.length === 0) add(data, index);
    if (mistakes.length >= MAX_COUNTED) throw new BodyError("body-invalid", summarize(mistakes));
  });
  return {
    get heldBytes() {
      return writer.heldBytes + reader.pendingBytes + memory.heldBytes;
    },
    push: (chunk) => reader.push(chunk),
    end() {
      reader.end();
      if (mistakes.length > 0) throw new BodyError("body-invalid", summarize(mistakes));
      return { body: writer.finish(), warnings: warnings.list() };
    },
    [Symbol.dispose]() {
      writer[Symbol.dispose]();
      memory.clear();
    },
  };
}
