/**
 * Liveness and readiness for the kubelet: `/healthz` and `/readyz`.
 *
 * @module
 */
import { Hono } from "hono";

/** Named conditions; the answer names those that don't hold, and nothing else about them. */
export type HealthChecks = Readonly<Record<string, () => boolean>>;

/** Makes the app. `/healthz` answers as long as the program can answer at all. */
export function createHealthApp(readiness: HealthChecks): Hono {
  const app = new Hono();
  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.get("/readyz", (c) => {
    const failing = Object.entries(readiness).filter(([, holds]) => !holds()).map(([name]) => name);
    if (failing.length === 0) return c.json({ status: "ok" });
    return c.json({ status: "not ready", failing }, 503);
  });
  return app;
}
