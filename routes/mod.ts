/**
 * The HTTP API for facts and problems.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { createGuard } from "./admission.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";
import { answerFailure, createErrorHandler } from "./errors.ts";
import { createInsightsRoutes } from "./insights.ts";
import { createOpenApiRoutes } from "./openapi.ts";
import { createReceive } from "./receive.ts";
import { createRecord } from "./record.ts";

export type { AppEnv, RequestLimits, RouteDeps } from "./deps.ts";

/** Makes the app. A slash at the end of a path makes no difference. */
export function createApp(deps: RouteDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  app.use(createRecord(deps));
  app.onError(createErrorHandler(deps.log));
  const askForMethods = methodNotAllowed({ app, onMethodNotAllowed: answerMethodNotAllowed });
  app.notFound(async (c) => {
    c.res = answerFailure(c, { code: 404, status: "not found", message: "There is nothing at this path" });
    // Called only here, since as middleware it would cost every request time.
    await askForMethods(c, () => Promise.resolve());
    return c.res;
  });

  app.route("/", createInsightsRoutes(deps, createGuard(deps), createReceive(deps)));
  app.route("/", createOpenApiRoutes());
  return app;
}

function answerMethodNotAllowed(c: Context, methods: string[]): Response {
  const allow = methods.join(", ");
  const message = `Only these methods are known at this path: ${allow}`;
  return answerFailure(c, { code: 405, status: "method not allowed", message, headers: { Allow: allow } });
}
