/**
 * Metrics for Prometheus: `/metrics`.
 *
 * @module
 */
import { Hono } from "hono";
import type { AccessReviewer } from "../lib/kube/access_review.ts";
import type { Metrics } from "../lib/metrics.ts";
import { createAccessGuard } from "./metrics_guard.ts";

/** Where metrics are: the path that is served, and that a ClusterRole allows. */
export const METRICS_PATH = "/metrics";

/**
 * Makes the app.
 *
 * @param reviewer Says who may read them; without it, everybody may.
 */
export function createMetricsApp(metrics: Pick<Metrics, "render">, reviewer?: AccessReviewer): Hono {
  const app = new Hono();
  if (reviewer) app.use(METRICS_PATH, createAccessGuard(reviewer));
  app.get(METRICS_PATH, async (c) => {
    const { text, contentType } = await metrics.render();
    return c.body(text, 200, { "content-type": contentType });
  });
  return app;
}
