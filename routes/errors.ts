/**
 * Errors → answers, in the shape that clients know from the Go remote.
 *
 * @module
 */
import type { Context, ErrorHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { AppError, describeError, UnavailableError } from "../lib/errors.ts";
import { ENVIRONMENT_ID_CODE } from "../lib/insights/direct_messages.ts";
import { BodyError } from "../lib/insights/errors.ts";
import type { Logger } from "../lib/log.ts";
import { TokenError } from "../lib/tokens.ts";

/** An error as the client sees it. */
export interface Failure {
  /** HTTP status. */
  readonly code: ContentfulStatusCode;
  /** The short text of the Go remote. */
  readonly status: string;
  /** What happened and what to do; never a token, a payload or an address. */
  readonly message: string;
  /** More headers. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Long enough for a broker to be restarted or a connection to be made again. */
const UNAVAILABLE_RETRY_SECONDS = "10";

/** Requests in flight are done in less. */
const BUSY_RETRY_SECONDS = "1";

const BAD_REQUEST = "BAD REQUEST";

/** Answers a request that failed. */
export function answerFailure(c: Context, { code, status, message, headers }: Failure): Response {
  return c.json({ status, message }, code, headers);
}

/** Makes the handler of everything that is thrown while a request is served: the only place that maps errors. */
export function createErrorHandler(log: Logger): ErrorHandler {
  return function answerError(error, c) {
    const failure = failureOf(error, c.req.method);
    const code = error instanceof AppError ? error.code : "internal";
    // What is wrong in a request stays between us and the client: the text may name its items.
    c.set("failure", { code, ...(failure.code >= 500 && { error: describeError(error) }) });
    // All else is told by the request's own line: many clients without a token or a broker must not fill the log.
    if (failure.code === 500) {
      log.error("Request failed", { request: c.get("requestId"), code, error: describeError(error) });
    }
    return answerFailure(c, failure);
  };
}

function failureOf(error: Error, method: string): Failure {
  if (error instanceof TokenError) {
    return {
      code: 401,
      status: "unauthorized",
      message: error.message,
      headers: { "WWW-Authenticate": "Bearer" },
    };
  }
  if (error instanceof BodyError) {
    return { code: 400, status: "Unable to parse incoming data", message: error.message };
  }
  if (error instanceof UnavailableError) {
    return {
      code: 503,
      status: "service unavailable",
      // The error's own text can name the broker's address.
      message: "Lagoon's broker can't confirm messages at the moment: send it again later",
      headers: { "Retry-After": UNAVAILABLE_RETRY_SECONDS },
    };
  }
  const known = error instanceof AppError ? failureByCode(error, method) : undefined;
  return known ?? { code: 500, status: "internal error", message: "Something went wrong on this side" };
}

function failureByCode({ code, message }: AppError, method: string): Failure | undefined {
  switch (code) {
    case ENVIRONMENT_ID_CODE:
      return {
        code: 400,
        status: method === "DELETE" ? BAD_REQUEST : "Unable to parse environment ID",
        message,
      };
    case "path-malformed":
      return { code: 400, status: BAD_REQUEST, message };
    case "body-too-large":
    case "item-too-large":
    case "message-too-large":
    case "needs-too-many-bytes":
    case "too-many-items":
      return { code: 413, status: "payload too large", message };
    case "too-many-in-flight":
    case "too-many-bytes":
    case "too-many-large":
      return {
        code: 429,
        status: "too many requests",
        message,
        headers: { "Retry-After": BUSY_RETRY_SECONDS },
      };
  }
}
