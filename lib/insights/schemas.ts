/**
 * What clients may post, and descriptions of mistakes. These name the item, the field and the types, never a value:
 * values are a tenant's data.
 *
 * @module
 */
import { z } from "zod";
import { type Fact, FACT_FIELDS, type Problem, PROBLEM_FIELDS, type TextField } from "./fields.ts";

/** Number of mistakes that are described to the client. */
const MAX_DESCRIBED = 10;

/** Reading stops after this many mistakes: a body full of them must not keep the program busy. */
export const MAX_COUNTED = 1000;

/** An item as clients may write it. Go clients send null for missing fields; repairs.ts fills them in. */
export type Posted<Item> = { readonly [Field in keyof Item]?: Item[Field] | null | undefined };

const text = z.string().nullish();
/** Unlike `min(1)`, never compares the `length` of an object from a tenant, which can throw. */
const notEmpty = new z.core.$ZodCheckMinLength({
  check: "min_length",
  minimum: 1,
  error: () => "must not be empty",
  when: ({ value }) => typeof value === "string",
});
const required = z.string().check(notEmpty);

function texts<Name extends string>(fields: readonly TextField<Name>[]): Record<Name, typeof text> {
  return Object.fromEntries(fields.map(({ name }) => [name, text])) as Record<Name, typeof text>;
}

/** One fact of a request. Other fields are ignored, including those that name an environment. */
export const factSchema: z.ZodType<Posted<Fact>, unknown> = z.object({
  ...texts(FACT_FIELDS),
  name: required,
});

/** One problem of a request. Other fields are ignored, including those that name an environment. */
export const problemSchema: z.ZodType<Posted<Problem>, unknown> = z.object({
  ...texts(PROBLEM_FIELDS),
  identifier: required,
  severityScore: z.number().nullish(),
});

/**
 * Describes an item's mistakes.
 *
 * @param item Such as `facts[3]`.
 */
export function describeMistakes(item: string, { issues }: z.ZodError): string[] {
  return issues.map(({ path, message }) =>
    `${[item, ...path.map(String)].join(".")}: ${message.replace("Invalid input: ", "")}`
  );
}

/** Joins mistakes into one line; those beyond the first {@link MAX_DESCRIBED} are only counted. */
export function summarize(mistakes: readonly string[]): string {
  const described = mistakes.slice(0, MAX_DESCRIBED);
  const rest = mistakes.length - described.length;
  if (rest > 0) described.push(`and ${mistakes.length >= MAX_COUNTED ? "at least " : ""}${rest} more`);
  return described.join("; ");
}
