/**
 * Metrics for Prometheus: `/metrics`, for everyone or for those whom Kubernetes permits.
 *
 * @module
 */
import { Hono, type MiddlewareHandler } from "hono";
import { AppError } from "../lib/errors.ts";
import type { AccessReviewer } from "../lib/kube/access_review.ts";
import type { Metrics } from "../lib/metrics.ts";
import { answerFailure, type Failure } from "./errors.ts";

/** The path of the metrics, which a ClusterRole has to permit. */
export const METRICS_PATH = "/metrics";

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

/**
 * Makes the app.
 *
 * @param reviewer Says who may read the metrics; without it, everyone may.
 */
export function createMetricsApp(metrics: Pick<Metrics, "render">, reviewer?: AccessReviewer): Hono {
  const app = new Hono();
  if (reviewer) app.use(METRICS_PATH, createAccessGuard(reviewer));
  app.get(METRICS_PATH, async (c) => {
    const { text, contentType } = await metrics.render();
    return c.body(text, 200, { "content-type": contentType });
  });
  return app;
}

/** Answers 401 without a token that Kubernetes knows, and 403 when its holder may not read the metrics. */
function createAccessGuard({ review }: AccessReviewer): MiddlewareHandler {
  return async function requireAccess(c, next) {
    const token = /^bearer +(\S+) *$/i.exec(c.req.header("Authorization") ?? "")?.[1];
    if (token === undefined) return answerFailure(c, UNAUTHORIZED);
    let failure: Failure | undefined;
    try {
      failure = { allowed: undefined, forbidden: FORBIDDEN, unknown: UNAUTHORIZED }[await review(token)];
    } catch (error) {
      // The reviewer has logged it.
      const isBusy = error instanceof AppError && error.code === "too-many-reviews";
      failure = isBusy ? TOO_MANY : NOT_REVIEWED;
    }
    if (failure !== undefined) return answerFailure(c, failure);
    await next();
  };
}
