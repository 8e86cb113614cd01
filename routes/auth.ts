/**
 * Finds out which environment a request comes from.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { AppEnv, RouteDeps } from "./deps.ts";

/**
 * Makes the middleware that sets `environment` from the token in `Authorization`, which holds the token alone, as all
 * known clients send it, or after `Bearer`.
 */
export function createAuthenticate({ verify }: Pick<RouteDeps, "verify">): MiddlewareHandler<AppEnv> {
  return async function authenticate(c, next) {
    const token = (c.req.header("Authorization") ?? "").replace(/^bearer(\s+|$)/i, "");
    c.set("environment", verify(token));
    await next();
  };
}
