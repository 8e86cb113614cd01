/**
 * What a request has to pass before it is read: each guard costs less than what it keeps away.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { every } from "hono/combine";
import { AppError, UnavailableError } from "../lib/errors.ts";
import { createAuthenticate } from "./auth.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";

/**
 * Makes the middleware that all routes share, since they also share the limit of requests in flight. Who sends no
 * valid token takes no place from others.
 */
export function createGuard(
  { publisher, verify, limits }: Pick<RouteDeps, "publisher" | "verify" | "limits">,
): MiddlewareHandler<AppEnv> {
  return every(
    refuseMalformedPath,
    createAuthenticate({ verify }),
    createRequireBroker(publisher),
    createLimitInFlight(limits.maxInFlight),
  );
}

/** Hono would hand on as they are the parts of a path that it can't decode. */
const refuseMalformedPath: MiddlewareHandler = async function refuseMalformedPath(c, next) {
  try {
    decodeURIComponent(new URL(c.req.url).pathname);
  } catch {
    throw new AppError("path-malformed", "The path must be percent-encoded UTF-8");
  }
  await next();
};

function createRequireBroker(publisher: RouteDeps["publisher"]): MiddlewareHandler {
  return async function requireBroker(_c, next) {
    if (!publisher.isReady()) {
      throw new UnavailableError("broker-not-ready", "The broker can't confirm messages");
    }
    await next();
  };
}

function createLimitInFlight(maxInFlight: number): MiddlewareHandler {
  let inFlight = 0;
  return async function limitInFlight(_c, next) {
    if (inFlight >= maxInFlight) {
      throw new AppError("too-many-in-flight", "Too many requests are being served: send it again later");
    }
    inFlight++;
    try {
      await next();
    } finally {
      inFlight--;
    }
  };
}
