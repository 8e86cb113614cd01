/**
 * Liveness and readiness for the kubelet: `/healthz` and `/readyz`.
 *
 * @module
 */
import { type Context, Hono } from "hono";

/** Conditions by name. An answer names those that don't hold, and nothing else about them. */
export type HealthChecks = Readonly<Record<string, () => boolean>>;

/**
 * Makes the app.
 *
 * @param readiness When one fails, the program should get no requests.
 * @param liveness When one fails, the kubelet should restart the program.
 */
export function createHealthApp(readiness: HealthChecks, liveness: HealthChecks): Hono {
  const app = new Hono();
  app.get("/healthz", (c) => answer(c, liveness));
  app.get("/readyz", (c) => answer(c, readiness));
  return app;
}

function answer(c: Context, checks: HealthChecks): Response {
  const failing = Object.entries(checks).filter(([, holds]) => !holds()).map(([name]) => name);
  return failing.length === 0 ? c.json({ status: "ok" }) : c.json({ status: "failing", failing }, 503);
}
