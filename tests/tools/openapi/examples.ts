/**
 * Examples of request and response bodies.
 *
 * @module
 */
import { FACT_FIELDS, type Field, PROBLEM_FIELDS } from "./fields.ts";
import type { Json } from "./schemas.ts";

const { name, value, source } = FACT_FIELDS;

export const FACTS_EXAMPLES: Json = {
  smallest: {
    summary: "One fact",
    value: [{ name: name.example, value: value.example, source: source.example }],
  },
  complete: { summary: "One fact with all fields", value: [exampleOf(FACT_FIELDS)] },
  object: { summary: "The list in an object", value: { facts: [exampleOf(FACT_FIELDS)] } },
};

export const PROBLEMS_EXAMPLES: Json = {
  complete: { summary: "One problem with all fields", value: [exampleOf(PROBLEM_FIELDS)] },
};

/** Bodies of 200 responses. */
export const DELIVERED_EXAMPLES: Json = {
  delivered: { summary: "Without changes", value: { message: "okay" } },
  repaired: {
    summary: "With repairs",
    value: { message: "okay", warnings: ["problems[0].severity: written in upper case"] },
  },
};

function exampleOf(fields: Readonly<Record<string, Field>>): Json {
  return Object.fromEntries(Object.entries(fields).map(([field, { example }]) => [field, example]));
}
