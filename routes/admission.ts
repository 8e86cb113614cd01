/**
 * The checks before a request is read, cheapest first: the path, the token, the broker, and the environment's share of the
 * requests in flight.
 *
 * @module
 */
import type { Context } from "hono";
import { AppError, UnavailableError } from "../lib/errors.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";
import { FairSlots } from "./fair_limits.ts";

/** Answers a request. */
export type Handler<Path extends string> = (c: Context<AppEnv, Path>) => Response | Promise<Response>;

/** Puts the checks before a handler, and sets `environment` for it. */
export type Guard = <Path extends string>(handler: Handler<Path>) => Handler<Path>;

/** Makes the guard that all routes with a token share. It is one function, since each Hono middleware costs time. */
export function createGuard(
  { publisher, verify, limits, metrics }: Pick<RouteDeps, "publisher" | "verify" | "limits" | "metrics">,
): Guard {
  const slots = new FairSlots(limits.maxInFlight);
  metrics.registerGauge("requests_in_flight", () => ({ web: slots.used }));
  return (handler) =>
    async function guarded(c) {
      rejectMalformedPath(c.req.raw.url);
      // All known clients send the token alone; `Bearer` may stand before it.
      const environment = await verify((c.req.header("Authorization") ?? "").replace(/^bearer(\s+|$)/i, ""));
      c.set("environment", environment);
      if (!publisher.isReady()) {
        throw new UnavailableError("broker-not-ready", "The broker can't confirm messages");
      }
      using slot = slots.take(environment.namespace);
      if (slot === undefined) {
        throw new AppError(
          "too-many-in-flight",
          "Too many requests are being served, of all environments or of this one: send it again later",
        );
      }
      return await handler(c);
    };
}

/** Hono passes on the parts of a path that it can't decode. */
function rejectMalformedPath(url: string): void {
  if (!url.includes("%")) return;
  try {
    decodeURIComponent(url.split("?", 1)[0] ?? "");
  } catch {
    throw new AppError("path-malformed", "The path must be percent-encoded UTF-8");
  }
}
