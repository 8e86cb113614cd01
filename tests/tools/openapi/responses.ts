/**
 * The responses of each operation, by status.
 *
 * @module
 */
import { FAILURES, type OperationId, OPERATIONS } from "./failures.ts";
import { type Json, ref } from "./schemas.ts";

/** Common to all responses of a status. */
const STATUSES: Readonly<Record<number, { description: string; headers?: readonly string[] }>> = {
  400: { description: "The request is invalid." },
  401: { description: "The token is missing or invalid.", headers: ["WWW-Authenticate"] },
  404: { description: "The path does not exist." },
  405: { description: "The path has no such method.", headers: ["Allow"] },
  408: { description: "The request did not arrive in time, or too slowly." },
  413: { description: "The request is too large." },
  415: { description: "The body's encoding is not supported.", headers: ["Accept-Encoding"] },
  417: { description: "The expectation is not supported." },
  429: { description: "The server is busy.", headers: ["Retry-After"] },
  431: { description: "Path and headers are too large." },
  500: { description: "An internal error." },
  503: { description: "The broker cannot confirm messages at the moment.", headers: ["Retry-After"] },
};

/** Response headers, by name. */
export const HEADERS: Readonly<Record<string, Json>> = {
  "X-Request-Id": {
    description: "The id of the request and of its message. Missing if the request could not be parsed.",
    schema: { type: "string" },
  },
  "Retry-After": {
    description: "Seconds to wait before a retry.",
    required: true,
    schema: { type: "integer", minimum: 1 },
  },
  "WWW-Authenticate": {
    description: "How to send the token.",
    required: true,
    schema: { const: "Bearer" },
  },
  "Accept-Encoding": {
    description: "What a body may be packed with.",
    required: true,
    schema: { const: "gzip" },
  },
  "Allow": { description: "The path's methods.", required: true, schema: { type: "string" } },
};

/** Examples of the error responses, by name. */
export function failureExamples(): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(FAILURES).map(([name, { status, message, remedy }]) => [
      name,
      { summary: remedy, value: { status, message } },
    ]),
  );
}

/** An operation's error responses, by status. */
export function failuresOf(operation: OperationId): Record<string, Json> {
  return Object.fromEntries(
    codesOf(operation).map((code) => [code, ref("responses", nameOf(code, operation))]),
  );
}

/** The error responses, which operations share, by name. */
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

/** Operations with the same failures for a status share one response, named after the first operation. */
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

/** A response with a JSON body. */
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
  if (common === undefined) {
    throw new TypeError(`Cannot describe status ${code}: add it to STATUSES in responses.ts`);
  }
  const examples = Object.fromEntries(failures.map((name) => [name, ref("examples", name)]));
  return response({ ...common, schema: ref("schemas", "Failure"), examples });
}
