/**
 * The document's schemas: what may be posted, from the schemas that validate it, and what is answered.
 *
 * @module
 */
import { z } from "zod";
import { MAX_WARNINGS } from "../../../lib/insights/repairs.ts";
import { factSchema, problemSchema } from "../../../lib/insights/schemas.ts";
import { FACT_FIELDS, type Field, PROBLEM_FIELDS } from "./fields.ts";

/** A part of the document. */
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
    Fact: item(factSchema, FACT_FIELDS, "What an environment says about itself."),
    Facts: {
      description: "An array of facts, alone or as `facts` in an object. An empty list changes nothing.",
      anyOf: [
        list("Fact"),
        { type: "object", properties: { facts: list("Fact") }, required: ["facts"] },
      ],
    },
    Problem: item(problemSchema, PROBLEM_FIELDS, "What a scanner has found in an environment."),
    Problems: { description: "An array of problems. An empty list changes nothing.", ...list("Problem") },
    Delivered: {
      description: "The broker has confirmed the message.",
      type: "object",
      properties: {
        message: { const: "okay" },
        warnings: {
          description:
            `What was repaired or left out, by item and field. At most ${MAX_WARNINGS} are listed, and one line says how many more.`,
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
        status: { description: "In short, the same for all of a kind.", type: "string" },
        message: { description: "What is wrong and what to do.", type: "string" },
      },
      required: ["status", "message"],
      additionalProperties: false,
    },
  };
}

/** An item as it is before it is decoded, with what its fields are for. */
function item(
  schema: z.ZodType,
  fields: Readonly<Record<string, Field>>,
  description: string,
): Json {
  const { $schema: _, properties = {}, ...rest } = z.toJSONSchema(schema, { io: "input" });
  const described = Object.entries(properties).map(([name, property]) => {
    const field = fields[name];
    if (field === undefined) throw new TypeError(`Cannot describe ${name} as fields.ts must have it`);
    return [name, { description: field.description, ...property as object, examples: [field.example] }];
  });
  return {
    description:
      `${description} Unknown fields are ignored. So are those that name a project or an environment, which the token does.`,
    ...rest,
    properties: Object.fromEntries(described),
  };
}

/** Null is an empty list, as clients written in Go send it. */
function list(name: string): Json {
  return { type: ["array", "null"], items: ref("schemas", name) };
}
