/**
 * Gives each request an id, and tells in one line and one count how it was answered.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { AppEnv, RouteDeps } from "./deps.ts";

/** Where the client finds the request's id, which is also the id of its message. */
export const REQUEST_ID_HEADER = "X-Request-Id";

/** What Hono sees where the server was handed the whole answer, the request's id and all. */
export const ANSWERED = new Response();

const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** Makes the middleware that has to run before all others. Ids that clients send are not taken over. */
export function createRecord(
  { newId, clock, log, metrics }: Pick<RouteDeps, "newId" | "clock" | "log" | "metrics">,
): MiddlewareHandler<AppEnv> {
  return async function record(c, next) {
    const request = newId();
    c.set("requestId", request);
    const startedAt = clock.now();
    await next();
    if (c.res !== ANSWERED) c.res.headers.set(REQUEST_ID_HEADER, request);
    const code = c.res.status;
    const route = routeOf(c);
    const method = METHODS.includes(c.req.method) ? c.req.method : "other";
    metrics.countRequest({ route, method, code });
    log.debug("Request answered", {
      request,
      method,
      route,
      path: c.req.path,
      status: code,
      milliseconds: clock.now() - startedAt,
      namespace: c.get("environment")?.namespace,
      ...c.get("delivered"),
      ...c.get("failure"),
    });
  };
}

/** The pattern of the route that answered, since paths are the clients' own words and without end. */
function routeOf(c: Context): string {
  const last = matchedRoutes(c).findLast(({ path }) => !path.includes("*"));
  return last?.path ?? "other";
}
