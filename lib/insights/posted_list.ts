/**
 * Turns a posted list into the message for Lagoon core while it arrives. Each item is parsed, checked, repaired and written
 * before the next one: memory holds the message and one item, however large the body is.
 *
 * @module
 */
import type { z } from "zod";
import type { Environment } from "../lagoon.ts";
import { factEntry, listHeader, problemEntry } from "./direct_messages.ts";
import { BodyError } from "./errors.ts";
import { ItemReader, type ListLimits } from "./item_reader.ts";
import { ListWriter, type Span } from "./list_writer.ts";
import { FactRepairs, repairProblem, Warnings } from "./repairs.ts";
import { describeMistakes, factSchema, MAX_COUNTED, problemSchema, summarize } from "./schemas.ts";

/** A body that is becoming a message. */
export interface PostedList {
  /**
   * Takes the next bytes of the body.
   *
   * @throws {BodyError} When they are no part of a list.
   * @throws {AppError} Codes `too-many-items`, `item-too-large` and `message-too-large`.
   */
  push(chunk: Uint8Array): void;
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
  const repairs = new FactRepairs(warnings, (span: Span) => writer.drop(span));
  return createList({ name: "facts", mayBeWrapped: true }, limits, {
    schema: factSchema,
    writer,
    warnings,
    add: (fact, index) => {
      const repaired = repairs.repair(fact, index);
      repairs.remember(repaired, index, writer.add(factEntry(header, repaired)));
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
  return createList({ name: "problems", mayBeWrapped: false }, limits, {
    schema: problemSchema,
    writer,
    warnings,
    add: (problem, index) => {
      const repaired = repairProblem(problem, { path: `problems[${index}]`, warnings });
      writer.add(problemEntry(header.environment, repaired));
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
    end() {
      reader.end();
      if (mistakes.length > 0) throw new BodyError("body-invalid", summarize(mistakes));
      return { body: writer.finish(), warnings: warnings.list() };
    },
  };
}
