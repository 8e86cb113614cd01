/**
 * What clients may post, and how they are told what is wrong with it. Errors name the item, the field and the types,
 * never a value: values are a tenant's data.
 *
 * @module
 */
import { z } from "zod";
import { AppError } from "../errors.ts";
import type { Fact, Problem } from "./messages.ts";

/** A request body that can't be used; its message is meant for the client. */
export class BodyError extends AppError {
  /** For logs. */
  override name = "BodyError";
}

/** How many mistakes are described to the client. */
const MAX_DESCRIBED = 10;

/** How many mistakes are counted: a body of nothing but mistakes must not keep the program busy for minutes. */
const MAX_COUNTED = 1000;

/** Clients written in Go send null for what they don't have. */
const text = z.string().nullish().transform((value) => value ?? "");
const required = z.string().min(1, "must not be empty");

/** One fact of a request. Unknown fields are ignored, and so is every field that names an environment. */
export const factSchema: z.ZodType<Fact, unknown> = z.object({
  name: required,
  value: text,
  source: text,
  description: text,
  type: text,
  category: text,
  service: text,
});

/** One problem of a request. Unknown fields are ignored, and so is every field that names an environment. */
export const problemSchema: z.ZodType<Problem, unknown> = z.object({
  identifier: required,
  version: text,
  fixedVersion: text,
  source: text,
  service: text,
  data: text,
  severity: text,
  severityScore: z.number().nullish().transform((value) => value ?? 0),
  associatedPackage: text,
  description: text,
  links: text,
});

/**
 * Parses a body's text.
 *
 * @throws {BodyError} Code `body-json`; without the parser's own message, which quotes the body.
 */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new BodyError("body-json", "The body must be a JSON document");
  }
}

/**
 * Reads the facts of a parsed body: an array of facts, or an object that holds the array as `facts`. Null, which
 * is how clients written in Go send a list without items, is an empty list.
 *
 * @throws {BodyError} Code `body-invalid`.
 */
export function parseFacts(body: unknown): Fact[] {
  const wrapped = typeof body === "object" && body !== null && "facts" in body;
  const list = wrapped ? body.facts : body;
  if (list === null) return [];
  if (!Array.isArray(list)) {
    const expected = wrapped
      ? "facts: expected array"
      : "body: expected an array of facts, or an object with facts";
    throw new BodyError("body-invalid", `${expected}, received ${typeName(list)}`);
  }
  return parseItems(list, { name: "facts", schema: factSchema });
}

/**
 * Reads the problems of a parsed body: an array of problems, or null, as in {@link parseFacts}.
 *
 * @throws {BodyError} Code `body-invalid`.
 */
export function parseProblems(body: unknown): Problem[] {
  if (body === null) return [];
  if (!Array.isArray(body)) {
    throw new BodyError("body-invalid", `body: expected an array of problems, received ${typeName(body)}`);
  }
  return parseItems(body, { name: "problems", schema: problemSchema });
}

/** Items are parsed one by one, since an array's schema would describe every mistake of a hostile body. */
function parseItems<Item>(
  values: readonly unknown[],
  { name, schema }: { name: string; schema: z.ZodType<Item, unknown> },
): Item[] {
  const items: Item[] = [];
  const mistakes: string[] = [];
  for (const [index, value] of values.entries()) {
    const { success, data, error } = schema.safeParse(value);
    if (success) items.push(data);
    else mistakes.push(...error.issues.map((issue) => describeIssue(`${name}[${index}]`, issue)));
    if (mistakes.length >= MAX_COUNTED) break;
  }
  if (mistakes.length > 0) throw new BodyError("body-invalid", summarize(mistakes));
  return items;
}

function describeIssue(item: string, { path, message }: z.core.$ZodIssue): string {
  return `${[item, ...path.map(String)].join(".")}: ${message.replace("Invalid input: ", "")}`;
}

function summarize(mistakes: readonly string[]): string {
  const described = mistakes.slice(0, MAX_DESCRIBED);
  const rest = mistakes.length - described.length;
  if (rest > 0) described.push(`and ${mistakes.length >= MAX_COUNTED ? "at least " : ""}${rest} more`);
  return described.join("; ");
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
