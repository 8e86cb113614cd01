/**
 * Maps errors to answers, in the shape of the Go remote.
 *
 * @module
 */
import type { Context, ErrorHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { AppError, describeError, UnavailableError } from "../lib/errors.ts";
import { ENVIRONMENT_ID_CODE } from "../lib/insights/messages.ts";
import { BodyError } from "../lib/insights/errors.ts";
import type { Logger } from "../lib/log.ts";
import { TokenError } from "../lib/tokens.ts";

/** An error as the client sees it. */
export interface Failure {
  readonly code: ContentfulStatusCode;
  /** The short text of the Go remote. */
  readonly status: string;
  /** What happened and what to do; never a token, a payload or an address. */
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Long enough for a broker to restart. */
const UNAVAILABLE_RETRY_SECONDS = "10";

/** Most requests in flight take less. */
const BUSY_RETRY_SECONDS = "1";

const BAD_REQUEST = "BAD REQUEST";

/** Answers a request that failed. */
export function answerFailure(c: Context, { code, status, message, headers }: Failure): Response {
  return c.json({ status, message }, code, headers);
}

/** Makes the handler of everything that is thrown while a request is served. */
export function createErrorHandler(log: Logger): ErrorHandler {
  return function answerError(error, c) {
    const failure = failureOf(error, c.req.method);
    const code = error instanceof AppError ? error.code : "internal";
    // The text of a client's mistake may name its items, so it is not logged.
    c.set("failure", { code, ...(failure.code >= 500 && { error: describeError(error) }) });
    // The request's own line covers the rest: clients without a token, or a broker that is away, must not fill the log.
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
    case "body-too-slow":
      return { code: 408, status: "request timeout", message };
    case "body-too-large":
    case "item-too-large":
    case "message-too-large":
    case "too-many-items":
      return { code: 413, status: "payload too large", message };
    case "encoding-unknown":
      return { code: 415, status: "unsupported media type", message, headers: { "Accept-Encoding": "gzip" } };
    case "too-many-in-flight":
    case "too-many-large":
      return {
        code: 429,
        status: "too many requests",
        message,
        headers: { "Retry-After": BUSY_RETRY_SECONDS },
      };
  }
}
