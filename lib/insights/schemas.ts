/**
 * What clients may post, and how they are told what is wrong with it. Errors name the item, the field and the types,
 * never a value: values are a tenant's data.
 *
 * @module
 */
import { z } from "zod";
import type { Fact, Problem } from "./messages.ts";

/** How many mistakes are described to the client. */
const MAX_DESCRIBED = 10;

/** How many mistakes are counted: a body of nothing but mistakes must not keep the program busy for minutes. */
export const MAX_COUNTED = 1000;

/** An item as clients may write it: those in Go send null for what they don't have. What is missing, repairs fill in. */
export type Posted<Item> = { readonly [Field in keyof Item]?: Item[Field] | null | undefined };

const text = z.string().nullish();
/** `min(1)` compares the length of whatever has one, and comparing what a tenant made up can throw. */
const notEmpty = new z.core.$ZodCheckMinLength({
  check: "min_length",
  minimum: 1,
  error: () => "must not be empty",
  when: ({ value }) => typeof value === "string",
});
const required = z.string().check(notEmpty);

/** One fact of a request. Unknown fields are ignored, and so is every field that names an environment. */
export const factSchema: z.ZodType<Posted<Fact>, unknown> = z.object({
  name: required,
  value: text,
  source: text,
  description: text,
  type: text,
  category: text,
  service: text,
});

/** One problem of a request. Unknown fields are ignored, and so is every field that names an environment. */
export const problemSchema: z.ZodType<Posted<Problem>, unknown> = z.object({
  identifier: required,
  version: text,
  fixedVersion: text,
  source: text,
  service: text,
  data: text,
  severity: text,
  severityScore: z.number().nullish(),
  associatedPackage: text,
  description: text,
  links: text,
});

/**
 * Describes what is wrong with an item.
 *
 * @param item Such as `facts[3]`.
 */
export function describeMistakes(item: string, { issues }: z.ZodError): string[] {
  return issues.map(({ path, message }) =>
    `${[item, ...path.map(String)].join(".")}: ${message.replace("Invalid input: ", "")}`
  );
}

/** Puts mistakes into one line: the first ones described, the others counted. */
export function summarize(mistakes: readonly string[]): string {
  const described = mistakes.slice(0, MAX_DESCRIBED);
  const rest = mistakes.length - described.length;
  if (rest > 0) described.push(`and ${mistakes.length >= MAX_COUNTED ? "at least " : ""}${rest} more`);
  return described.join("; ");
}
