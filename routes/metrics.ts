/**
 * Metrics for Prometheus: `/metrics`.
 *
 * @module
 */
import { Hono } from "hono";
import type { Metrics } from "../lib/metrics.ts";

/** Makes the app. */
export function createMetricsApp(metrics: Pick<Metrics, "render">): Hono {
  const app = new Hono();
  app.get("/metrics", async (c) => {
    const { text, contentType } = await metrics.render();
    return c.body(text, 200, { "content-type": contentType });
  });
  return app;
}
