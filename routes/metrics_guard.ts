/**
 * Lets only those read a path whom Kubernetes allows to.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { AppError } from "../lib/errors.ts";
import type { AccessReviewer } from "../lib/kube/access_review.ts";
import { answerFailure, type Failure } from "./errors.ts";

const UNAUTHORIZED: Failure = {
  code: 401,
  status: "unauthorized",
  message: "Authorization must be Bearer and a token that Kubernetes knows",
  headers: { "WWW-Authenticate": "Bearer" },
};

const FORBIDDEN: Failure = {
  code: 403,
  status: "forbidden",
  message: "A ClusterRole must allow the token's holder the verb get on this nonResourceURL",
};

const TOO_MANY: Failure = {
  code: 429,
  status: "too many requests",
  message: "Too many tokens are new: send the request again later",
  headers: { "Retry-After": "1" },
};

const NOT_REVIEWED: Failure = {
  code: 500,
  status: "internal error",
  message: "Kubernetes could not be asked who may read this; the log of insights-remote tells why",
};

/** Makes the middleware: who shows no token, or one of nobody, gets 401, and who may not read the path 403. */
export function createAccessGuard({ review }: AccessReviewer): MiddlewareHandler {
  return async function requireAccess(c, next) {
    const token = /^bearer +(\S+) *$/i.exec(c.req.header("Authorization") ?? "")?.[1];
    if (token === undefined) return answerFailure(c, UNAUTHORIZED);
    let refusal: Failure | undefined;
    try {
      refusal = { allowed: undefined, forbidden: FORBIDDEN, unknown: UNAUTHORIZED }[await review(token)];
    } catch (error) {
      // The reviewer has told the log.
      const isBusy = error instanceof AppError && error.code === "too-many-reviews";
      refusal = isBusy ? TOO_MANY : NOT_REVIEWED;
    }
    if (refusal !== undefined) return answerFailure(c, refusal);
    await next();
  };
}
