/**
 * Finds out which environment a request comes from.
 *
 * @module
 */
import type { Context } from "hono";
import type { Environment } from "../lib/lagoon.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";

/**
 * Gives the environment of the token in `Authorization`, which holds the token alone, as all known clients send it, or
 * after `Bearer`.
 *
 * @throws {TokenError} When the token is not accepted.
 */
export function authenticate(c: Context<AppEnv>, verify: RouteDeps["verify"]): Promise<Environment> {
  return verify((c.req.header("Authorization") ?? "").replace(/^bearer(\s+|$)/i, ""));
}
