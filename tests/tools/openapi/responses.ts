/**
 * The document's answers: each operation's, by status.
 *
 * @module
 */
import { FAILURES, type OperationId, OPERATIONS } from "./failures.ts";
import { type Json, ref } from "./schemas.ts";

/** What all answers of a status have in common. */
const STATUSES: Readonly<Record<number, { description: string; headers?: readonly string[] }>> = {
  400: { description: "The request can't be understood." },
  401: { description: "The token is not one of this cluster's.", headers: ["WWW-Authenticate"] },
  404: { description: "There is nothing at this path." },
  405: { description: "The path has other methods.", headers: ["Allow"] },
  408: { description: "The request did not arrive in time, or too slowly." },
  413: { description: "The request is too large." },
  417: { description: "An expectation that can't be met." },
  429: { description: "Too much is being served at the moment.", headers: ["Retry-After"] },
  431: { description: "Path and headers are too large." },
  500: { description: "A mistake on this side." },
  503: { description: "The broker can't confirm at the moment.", headers: ["Retry-After"] },
};

/** The headers of answers, by name. */
export const HEADERS: Readonly<Record<string, Json>> = {
  "X-Request-Id": {
    description:
      "The request's id, also the message's. Answers to what could not be read as a request have none.",
    schema: { type: "string" },
  },
  "Retry-After": {
    description: "Seconds to wait before the request is sent again.",
    required: true,
    schema: { type: "integer", minimum: 1 },
  },
  "WWW-Authenticate": {
    description: "How to send the token.",
    required: true,
    schema: { const: "Bearer" },
  },
  "Allow": { description: "The methods of the path.", required: true, schema: { type: "string" } },
};

/** Failures as examples, by name. */
export function failureExamples(): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(FAILURES).map(([name, { status, message, remedy }]) => [
      name,
      { summary: remedy, value: { status, message } },
    ]),
  );
}

/** What an operation answers when it doesn't do what it was asked for, by status. */
export function failuresOf(operation: OperationId): Record<string, Json> {
  return Object.fromEntries(
    codesOf(operation).map((code) => [code, ref("responses", nameOf(code, operation))]),
  );
}

/** The answers that operations share, by name. */
export function failureResponses(): Record<string, Json> {
  const all = OPERATIONS.flatMap((operation) =>
    codesOf(operation).map((code) =>
      [nameOf(code, operation), failureResponse(code, failuresWith(code, operation))] as const
    )
  );
  return Object.fromEntries(all);
}

function codesOf(operation: OperationId): number[] {
  const codes = Object.values(FAILURES).filter(({ of }) => of.includes(operation)).map(({ code }) => code);
  return [...new Set(codes)].toSorted((a, b) => a - b);
}

/** Operations with the same failures of a status share one answer, named after the first of them. */
function nameOf(code: number, operation: OperationId): string {
  const failures = String(failuresWith(code, operation));
  const first = OPERATIONS.find((other) => String(failuresWith(code, other)) === failures);
  return `${first}.${code}`;
}

function failuresWith(code: number, operation: OperationId): string[] {
  return Object.keys(FAILURES).filter((name) =>
    FAILURES[name]?.code === code && FAILURES[name].of.includes(operation)
  );
}

/** An answer with a body. */
export function response(
  { description, headers = [], schema, examples }: {
    readonly description: string;
    readonly headers?: readonly string[];
    readonly schema: Json;
    readonly examples?: Json;
  },
): Json {
  const names = [...headers, "X-Request-Id"];
  return {
    description,
    headers: Object.fromEntries(names.map((name) => [name, ref("headers", name)])),
    content: { "application/json": { schema, ...(examples && { examples }) } },
  };
}

function failureResponse(code: number, failures: readonly string[]): Json {
  const common = STATUSES[code];
  if (common === undefined) throw new TypeError(`Cannot describe ${code} as responses.ts must have it`);
  const examples = Object.fromEntries(failures.map((name) => [name, ref("examples", name)]));
  return response({ ...common, schema: ref("schemas", "Failure"), examples });
}
