/**
 * What a request has to pass before it is read: each guard costs less than what it keeps away.
 *
 * @module
 */
import type { Context } from "hono";
import { AppError, UnavailableError } from "../lib/errors.ts";
import { Admission } from "./admission.ts";
import { authenticate } from "./auth.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";

/** Answers a request. */
export type Answer<Path extends string> = (c: Context<AppEnv, Path>) => Response | Promise<Response>;

/** Puts the guards before a handler. */
export type Guard = <Path extends string>(answer: Answer<Path>) => Answer<Path>;

/**
 * Makes the guard that all routes share, since they also share the limits of requests and bytes in flight. Who sends no valid
 * token takes no place from others. It is one function around the handler, and not a chain of middleware, since each link of
 * one costs as much as what it does.
 */
export function createGuard(
  { publisher, verify, limits, metrics, clock }: Pick<
    RouteDeps,
    "publisher" | "verify" | "limits" | "metrics" | "clock"
  >,
): Guard {
  const admission = new Admission(limits, clock);
  metrics.registerGauge("requests_in_flight", () => ({ web: admission.requests }));
  metrics.registerGauge("request_bytes", () => ({ web: admission.bytes }));
  return (answer) =>
    async function guarded(c) {
      refuseMalformedPath(c.req.raw.url);
      const environment = await authenticate(c, verify);
      c.set("environment", environment);
      if (!publisher.isReady()) {
        throw new UnavailableError("broker-not-ready", "The broker can't confirm messages");
      }
      using admitted = admission.admit(environment.namespace);
      c.set("admitted", admitted);
      return await answer(c);
    };
}

/** Hono would hand on as they are the parts of a path that it can't decode. */
function refuseMalformedPath(url: string): void {
  if (!url.includes("%")) return;
  try {
    decodeURIComponent(new URL(url).pathname);
  } catch {
    throw new AppError("path-malformed", "The path must be percent-encoded UTF-8");
  }
}
