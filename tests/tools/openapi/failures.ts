/**
 * Every error response, with the default limits, and what the client should do: for `/openapi.json` and the table in
 * docs/posting.md. tests/routes/openapi_test.ts provokes each of them.
 *
 * @module
 */
import { OPTIONS } from "../../../lib/config/options.ts";
import { MAX_MESSAGE_BYTES } from "../../../lib/insights/messages.ts";

/** Operation ids of the API description. */
export const OPERATIONS = [
  "postFacts",
  "postProblems",
  "deleteFacts",
  "deleteFactsOfService",
  "deleteProblems",
  "deleteProblemsOfService",
  "getDescription",
] as const;

export type OperationId = typeof OPERATIONS[number];

/** An error response. */
export interface FailureAnswer {
  /** HTTP status. */
  readonly code: number;
  /** `status` in the body. */
  readonly status: string;
  /** `message` in the body. */
  readonly message: string;
  /** What the client should do. */
  readonly remedy: string;
  /** The operations that can return it. */
  readonly of: readonly OperationId[];
}

const POSTS: readonly OperationId[] = ["postFacts", "postProblems"];
const DELETIONS_OF_ALL: readonly OperationId[] = ["deleteFacts", "deleteProblems"];
const DELETIONS_OF_SERVICE: readonly OperationId[] = ["deleteFactsOfService", "deleteProblemsOfService"];
const DELETIONS: readonly OperationId[] = [...DELETIONS_OF_ALL, ...DELETIONS_OF_SERVICE];
/** Operations that need a token. */
const GUARDED: readonly OperationId[] = [...POSTS, ...DELETIONS];
const ALL: readonly OperationId[] = [...GUARDED, "getDescription"];

const UNREADABLE = { code: 400, status: "Unable to parse incoming data" };
const BAD_REQUEST = { code: 400, status: "BAD REQUEST" };
const UNAUTHORIZED = { code: 401, status: "unauthorized" };
const TOO_LARGE = { code: 413, status: "payload too large" };
const TOO_MANY = { code: 429, status: "too many requests" };

const FIX_REQUEST = "Fix the request; a retry without changes fails again.";
const FIX_ITEM = "Fix the field named in the message. One invalid item rejects the whole request.";
const FIX_CLIENT = "Use a proper HTTP client: this one does not send valid HTTP/1.1.";
const REPORT_TOKEN = "Report it to the platform's operators: the environment's token is wrong.";
const READ_TOKEN = "Read the token file again, and send its contents only.";
const SPLIT = "Split it into several requests, each with a different source.";
const WAIT = "Wait for the number of seconds in `Retry-After`, then retry.";

/** By name. */
export const FAILURES: Readonly<Record<string, FailureAnswer>> = {
  "body-json": { ...UNREADABLE, message: "The body must be a JSON document", remedy: FIX_REQUEST, of: POSTS },
  "body-encoding": { ...UNREADABLE, message: "The body must be UTF-8", remedy: FIX_REQUEST, of: POSTS },
  "body-not-gzip": {
    ...UNREADABLE,
    message: "The body must be complete gzip data, as its Content-Encoding says",
    remedy: FIX_REQUEST,
    of: POSTS,
  },
  "facts-wrong": {
    ...UNREADABLE,
    message: "body: expected an array of facts, or an object with facts, received object",
    remedy: FIX_REQUEST,
    of: ["postFacts"],
  },
  "facts-twice": { ...UNREADABLE, message: "facts: expected once", remedy: FIX_REQUEST, of: ["postFacts"] },
  "fact-wrong": {
    ...UNREADABLE,
    message: "facts[3].value: expected string, received number",
    remedy: FIX_ITEM,
    of: ["postFacts"],
  },
  "problems-wrong": {
    ...UNREADABLE,
    message: "body: expected an array of problems, received object",
    remedy: FIX_REQUEST,
    of: ["postProblems"],
  },
  "problem-wrong": {
    ...UNREADABLE,
    message: "problems[0].identifier: must not be empty",
    remedy: FIX_ITEM,
    of: ["postProblems"],
  },
  "body-too-deep": {
    ...UNREADABLE,
    message:
      `body: expected arrays and objects at most ${OPTIONS.web.maxJsonDepth.defaultText} deep in each other`,
    remedy: FIX_REQUEST,
    of: POSTS,
  },
  "environment-id": {
    code: 400,
    status: "Unable to parse environment ID",
    message: "Cannot tell the environment as its id must be a whole number in decimal digits",
    remedy: REPORT_TOKEN,
    of: POSTS,
  },
  "environment-id-deletion": {
    ...BAD_REQUEST,
    message: "Cannot tell the environment as its id must be a whole number in decimal digits",
    remedy: REPORT_TOKEN,
    of: DELETIONS,
  },
  "path-malformed": {
    ...BAD_REQUEST,
    message: "The path must be percent-encoded UTF-8",
    remedy: "URL-encode source and service.",
    of: DELETIONS,
  },
  "not-ascii": {
    ...BAD_REQUEST,
    message: "Path and query must be ASCII: percent-encode all other characters as UTF-8",
    remedy: "URL-encode source and service.",
    of: ALL,
  },
  "not-http": { ...BAD_REQUEST, message: "The request must be HTTP/1.1", remedy: FIX_CLIENT, of: ALL },
  "no-host": {
    ...BAD_REQUEST,
    message: "The request must have a Host header",
    remedy: FIX_CLIENT,
    of: ALL,
  },
  "unknown-target": {
    ...BAD_REQUEST,
    message: "The request must have a method and a path that are known",
    remedy: FIX_CLIENT,
    of: ALL,
  },
  "token-missing": {
    ...UNAUTHORIZED,
    message: "The Authorization header must hold a token",
    remedy: READ_TOKEN,
    of: GUARDED,
  },
  "token-malformed": {
    ...UNAUTHORIZED,
    message: "The Authorization header must hold a JSON Web Token",
    remedy: READ_TOKEN,
    of: GUARDED,
  },
  "token-algorithm": {
    ...UNAUTHORIZED,
    message: "The token must be signed with HS256",
    remedy: READ_TOKEN,
    of: GUARDED,
  },
  "token-signature": {
    ...UNAUTHORIZED,
    message: "The token is not signed with this cluster's secret",
    remedy: `${READ_TOKEN} It changes when the platform's secret changes.`,
    of: GUARDED,
  },
  "token-claims": {
    ...UNAUTHORIZED,
    message: "The token doesn't name an environment, or is not valid yet",
    remedy: REPORT_TOKEN,
    of: GUARDED,
  },
  "token-expired": {
    ...UNAUTHORIZED,
    message: "The token has expired",
    remedy: READ_TOKEN,
    of: GUARDED,
  },
  "not-found": {
    code: 404,
    status: "not found",
    message: "There is nothing at this path",
    remedy: "Fix the path: a source must not be empty, and a slash in it must be written as `%2F`.",
    of: DELETIONS_OF_SERVICE,
  },
  "method-not-allowed": {
    code: 405,
    status: "method not allowed",
    message: "Only these methods are known at this path: POST",
    remedy: "Fix the method or the path: a deletion needs a source.",
    of: DELETIONS_OF_ALL,
  },
  "request-timeout": {
    code: 408,
    status: "request timeout",
    message: "The request must arrive in less time",
    remedy: "Retry, and send the request without pauses.",
    of: ALL,
  },
  "body-too-slow": {
    code: 408,
    status: "request timeout",
    message: "A body above 65536 bytes must arrive with at least 262144 bytes per second",
    remedy: "Retry, and send the request without pauses.",
    of: POSTS,
  },
  "body-too-large": {
    ...TOO_LARGE,
    message: `The body must have at most ${OPTIONS.web.maxBodyBytes.defaultText} bytes`,
    remedy: SPLIT,
    of: POSTS,
  },
  "facts-too-many": {
    ...TOO_LARGE,
    message: `facts: expected at most ${OPTIONS.web.maxItems.defaultText} items`,
    remedy: SPLIT,
    of: ["postFacts"],
  },
  "problems-too-many": {
    ...TOO_LARGE,
    message: `problems: expected at most ${OPTIONS.web.maxItems.defaultText} items`,
    remedy: SPLIT,
    of: ["postProblems"],
  },
  "fact-too-large": {
    ...TOO_LARGE,
    message: `facts[0]: expected at most ${OPTIONS.web.maxItemBytes.defaultText} bytes`,
    remedy: "Shorten the item named in the message.",
    of: ["postFacts"],
  },
  "problem-too-large": {
    ...TOO_LARGE,
    message: `problems[0]: expected at most ${OPTIONS.web.maxItemBytes.defaultText} bytes`,
    remedy: "Shorten the item named in the message.",
    of: ["postProblems"],
  },
  "message-too-large": {
    ...TOO_LARGE,
    message:
      `Cannot send the message as it must have at most ${MAX_MESSAGE_BYTES} bytes: send the items in several requests`,
    remedy: SPLIT,
    of: POSTS,
  },
  "encoding-unknown": {
    code: 415,
    status: "unsupported media type",
    message: "The header Content-Encoding must be gzip, or absent",
    remedy: "Send the body as it is, or packed with gzip.",
    of: POSTS,
  },
  "expectation-failed": {
    code: 417,
    status: "expectation failed",
    message: "No expectation but 100-continue can be met",
    remedy: "Omit the `Expect` header.",
    of: ALL,
  },
  "too-many-in-flight": {
    ...TOO_MANY,
    message: "Too many requests are being served, of all environments or of this one: send it again later",
    remedy: WAIT,
    of: GUARDED,
  },
  "too-many-large": {
    ...TOO_MANY,
    message:
      "Too many large bodies are being received, of all environments or of this one: send it again later",
    remedy: WAIT,
    of: POSTS,
  },
  "head-too-large": {
    code: 431,
    status: "request header fields too large",
    message: "The request's headers must be smaller",
    remedy: "Keep path and headers below 16 KiB in total.",
    of: ALL,
  },
  "internal": {
    code: 500,
    status: "internal error",
    message: "Something went wrong on this side",
    remedy: "Retry later, and report the response's `X-Request-Id` to the platform's operators.",
    of: GUARDED,
  },
  "unavailable": {
    code: 503,
    status: "service unavailable",
    message: "Lagoon's broker can't confirm messages at the moment: send it again later",
    remedy: `${WAIT} The message may have arrived anyway; sending it twice does no harm.`,
    of: GUARDED,
  },
};
