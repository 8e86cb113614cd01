/**
 * Gives each request an id, logs it in one line, and counts it.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { AppEnv, RouteDeps } from "./deps.ts";

const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** Makes the middleware that runs before all others. It ignores ids that clients send. */
export function createRecord(
  { newId, clock, log, metrics }: Pick<RouteDeps, "newId" | "clock" | "log" | "metrics">,
): MiddlewareHandler<AppEnv> {
  return async function record(c, next) {
    const request = newId();
    c.set("requestId", request);
    const startedAt = clock.monotonic();
    await next();
    c.res.headers.set("X-Request-Id", request);
    const { status } = c.res;
    const route = routeOf(c);
    const method = METHODS.includes(c.req.method) ? c.req.method : "other";
    metrics.countRequest({ route, method, code: status });
    log.debug("Request answered", {
      request,
      method,
      route,
      path: c.req.path,
      status,
      milliseconds: Math.round(clock.monotonic() - startedAt),
      namespace: c.get("environment")?.namespace,
      ...c.get("delivered"),
      ...c.get("failure"),
    });
  };
}

/** The pattern of the route that answered: unlike paths, there are few. */
function routeOf(c: Context): string {
  const last = matchedRoutes(c).findLast(({ path }) => !path.includes("*"));
  return last?.path ?? "other";
}
