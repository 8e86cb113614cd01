/**
 * The schemas of request bodies, generated from those that validate them, and of response bodies.
 *
 * @module
 */
import { z } from "zod";
import { MAX_WARNINGS } from "../../../lib/insights/repairs.ts";
import { factSchema, problemSchema } from "../../../lib/insights/schemas.ts";
import { FACT_FIELDS, type Field, PROBLEM_FIELDS } from "./fields.ts";

export type Json = { readonly [name: string]: unknown };

/** A reference to one of the document's components. */
export function ref(
  kind: "schemas" | "examples" | "headers" | "parameters" | "responses",
  name: string,
): Json {
  return { $ref: `#/components/${kind}/${name}` };
}

/** The document's schemas by name. */
export function schemas(): Record<string, Json> {
  return {
    Fact: item(factSchema, FACT_FIELDS, "What an environment reports about itself."),
    Facts: {
      description: "An array of facts, alone or as `facts` in an object. An empty list changes nothing.",
      anyOf: [
        list("Fact"),
        { type: "object", properties: { facts: list("Fact") }, required: ["facts"] },
      ],
    },
    Problem: item(problemSchema, PROBLEM_FIELDS, "A problem that a scanner found in an environment."),
    Problems: { description: "An array of problems. An empty list changes nothing.", ...list("Problem") },
    Delivered: {
      description: "The broker has confirmed the message.",
      type: "object",
      properties: {
        message: { const: "okay" },
        warnings: {
          description:
            `What was repaired or dropped, by item and field. At most ${MAX_WARNINGS} are listed; one more line counts the rest.`,
          type: "array",
          minItems: 1,
          maxItems: MAX_WARNINGS + 1,
          items: { type: "string" },
        },
      },
      required: ["message"],
      additionalProperties: false,
    },
    Failure: {
      type: "object",
      properties: {
        status: { description: "A short text, the same for all errors of a kind.", type: "string" },
        message: { description: "What is wrong, and how to fix it.", type: "string" },
      },
      required: ["status", "message"],
      additionalProperties: false,
    },
  };
}

/** The schema of an item's input, with descriptions of its fields. */
function item(
  schema: z.ZodType,
  fields: Readonly<Record<string, Field>>,
  description: string,
): Json {
  const { $schema: _, properties = {}, ...rest } = z.toJSONSchema(schema, { io: "input" });
  const described = Object.entries(properties).map(([name, property]) => {
    const field = fields[name];
    if (field === undefined) throw new TypeError(`Cannot describe field ${name}: add it to fields.ts`);
    return [name, { description: field.description, ...property as object, examples: [field.example] }];
  });
  return {
    description:
      `${description} Unknown fields are ignored, and so are fields that name a project or an environment: the token determines those.`,
    ...rest,
    properties: Object.fromEntries(described),
  };
}

/** Clients written in Go send null for an empty list. */
function list(name: string): Json {
  return { type: ["array", "null"], items: ref("schemas", name) };
}
