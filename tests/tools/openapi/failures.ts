/**
 * Every answer that says no, as it is with the default limits, and what a client should do then: for the document at
 * `/openapi.json` and the table of docs/posting.md. tests/routes/openapi_test.ts brings each of them about.
 *
 * @module
 */
import { OPTIONS } from "../../../lib/config/options.ts";
import { MAX_MESSAGE_BYTES } from "../../../lib/insights/messages.ts";

/** What can be asked for, by the document's operation ids. */
export const OPERATIONS = [
  "postFacts",
  "postProblems",
  "deleteFacts",
  "deleteFactsOfService",
  "deleteProblems",
  "deleteProblemsOfService",
  "getDescription",
] as const;

/** One of them. */
export type OperationId = typeof OPERATIONS[number];

/** An answer that says no. */
export interface FailureAnswer {
  /** HTTP status. */
  readonly code: number;
  /** As in the answer. */
  readonly status: string;
  /** As in the answer. */
  readonly message: string;
  /** What a client should do: one sentence. */
  readonly remedy: string;
  /** The operations that are answered in this way. */
  readonly of: readonly OperationId[];
}

const POSTS: readonly OperationId[] = ["postFacts", "postProblems"];
const DELETIONS_OF_ALL: readonly OperationId[] = ["deleteFacts", "deleteProblems"];
const DELETIONS_OF_SERVICE: readonly OperationId[] = ["deleteFactsOfService", "deleteProblemsOfService"];
const DELETIONS: readonly OperationId[] = [...DELETIONS_OF_ALL, ...DELETIONS_OF_SERVICE];
/** Those that need a token. */
const GUARDED: readonly OperationId[] = [...POSTS, ...DELETIONS];
const ALL: readonly OperationId[] = [...GUARDED, "getDescription"];

const UNREADABLE = { code: 400, status: "Unable to parse incoming data" };
const BAD_REQUEST = { code: 400, status: "BAD REQUEST" };
const UNAUTHORIZED = { code: 401, status: "unauthorized" };
const TOO_LARGE = { code: 413, status: "payload too large" };
const TOO_MANY = { code: 429, status: "too many requests" };

const MEND = "Mend the request: sent again as it is, it is refused again.";
const MEND_ITEM = "Mend what the message names. With one mistake nothing of the request is taken.";
const MEND_CLIENT = "Use an HTTP client: this one writes what is not HTTP/1.1.";
const TELL_PLATFORM = "Tell those who run the platform: the environment's token is wrong.";
const READ_TOKEN = "Read the file with the token again, and send what is in it and nothing else.";
const SPLIT = "Send several requests, with a source of its own each.";
const WAIT = "Wait for as many seconds as `Retry-After` says, then send it again.";

/** All of them, by names of their own. */
export const FAILURES: Readonly<Record<string, FailureAnswer>> = {
  "body-json": { ...UNREADABLE, message: "The body must be a JSON document", remedy: MEND, of: POSTS },
  "body-encoding": { ...UNREADABLE, message: "The body must be UTF-8", remedy: MEND, of: POSTS },
  "facts-wrong": {
    ...UNREADABLE,
    message: "body: expected an array of facts, or an object with facts, received object",
    remedy: MEND,
    of: ["postFacts"],
  },
  "facts-twice": { ...UNREADABLE, message: "facts: expected once", remedy: MEND, of: ["postFacts"] },
  "fact-wrong": {
    ...UNREADABLE,
    message: "facts[3].value: expected string, received number",
    remedy: MEND_ITEM,
    of: ["postFacts"],
  },
  "problems-wrong": {
    ...UNREADABLE,
    message: "body: expected an array of problems, received object",
    remedy: MEND,
    of: ["postProblems"],
  },
  "problem-wrong": {
    ...UNREADABLE,
    message: "problems[0].identifier: must not be empty",
    remedy: MEND_ITEM,
    of: ["postProblems"],
  },
  "body-too-deep": {
    ...UNREADABLE,
    message:
      `body: expected arrays and objects at most ${OPTIONS.web.maxJsonDepth.defaultText} deep in each other`,
    remedy: MEND,
    of: POSTS,
  },
  "environment-id": {
    code: 400,
    status: "Unable to parse environment ID",
    message: "Cannot tell the environment as its id must be a whole number in decimal digits",
    remedy: TELL_PLATFORM,
    of: POSTS,
  },
  "environment-id-deletion": {
    ...BAD_REQUEST,
    message: "Cannot tell the environment as its id must be a whole number in decimal digits",
    remedy: TELL_PLATFORM,
    of: DELETIONS,
  },
  "path-malformed": {
    ...BAD_REQUEST,
    message: "The path must be percent-encoded UTF-8",
    remedy: "Encode source and service as your language encodes parts of a URL.",
    of: DELETIONS,
  },
  "not-http": { ...BAD_REQUEST, message: "The request must be HTTP/1.1", remedy: MEND_CLIENT, of: ALL },
  "no-host": {
    ...BAD_REQUEST,
    message: "The request must have a Host header",
    remedy: MEND_CLIENT,
    of: ALL,
  },
  "unknown-target": {
    ...BAD_REQUEST,
    message: "The request must have a method and a path that are known",
    remedy: MEND_CLIENT,
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
    remedy: `${READ_TOKEN} It changes when the platform's secret does.`,
    of: GUARDED,
  },
  "token-claims": {
    ...UNAUTHORIZED,
    message: "The token doesn't name an environment, or is not valid yet",
    remedy: TELL_PLATFORM,
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
    remedy: "Mend the path: a source is never empty, and a slash in it is written `%2F`.",
    of: DELETIONS_OF_SERVICE,
  },
  "method-not-allowed": {
    code: 405,
    status: "method not allowed",
    message: "Only these methods are known at this path: POST",
    remedy: "Mend the method, or the path: a deletion has to name a source.",
    of: DELETIONS_OF_ALL,
  },
  "request-timeout": {
    code: 408,
    status: "request timeout",
    message: "The request must arrive in less time",
    remedy: "Send it again, without waiting while it is being sent.",
    of: ALL,
  },
  "body-too-slow": {
    code: 408,
    status: "request timeout",
    message: "A body above 65536 bytes must arrive with at least 262144 bytes per second",
    remedy: "Send it again, without waiting while it is being sent.",
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
    remedy: "Make what the message names smaller.",
    of: ["postFacts"],
  },
  "problem-too-large": {
    ...TOO_LARGE,
    message: `problems[0]: expected at most ${OPTIONS.web.maxItemBytes.defaultText} bytes`,
    remedy: "Make what the message names smaller.",
    of: ["postProblems"],
  },
  "message-too-large": {
    ...TOO_LARGE,
    message:
      `Cannot send the message as it must have at most ${MAX_MESSAGE_BYTES} bytes: send the items in several requests`,
    remedy: SPLIT,
    of: POSTS,
  },
  "expectation-failed": {
    code: 417,
    status: "expectation failed",
    message: "No expectation but 100-continue can be met",
    remedy: "Leave the `Expect` header out.",
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
    remedy: "Send path and headers of less than 16 KiB together.",
    of: ALL,
  },
  "internal": {
    code: 500,
    status: "internal error",
    message: "Something went wrong on this side",
    remedy: "Tell those who run the platform the answer's `X-Request-Id`, and send it again later.",
    of: GUARDED,
  },
  "unavailable": {
    code: 503,
    status: "service unavailable",
    message: "Lagoon's broker can't confirm messages at the moment: send it again later",
    remedy: `${WAIT} It may have arrived all the same, which does no harm.`,
    of: GUARDED,
  },
};
