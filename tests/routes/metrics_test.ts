import assert from "node:assert/strict";
import { createMetrics } from "../../lib/metrics.ts";
import { createMetricsApp } from "../../routes/metrics.ts";

Deno.test("/metrics answers with the text that Prometheus reads", async () => {
  const metrics = createMetrics();
  metrics.countConfigMap("sent");
  const response = await createMetricsApp(metrics).request("/metrics");
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  assert.match(await response.text(), /^insights_remote_configmaps_total\{outcome="sent",code=""\} 1$/m);
});

Deno.test("/metrics answers those whom the reviewer allows, and nobody else", async () => {
  const review = (token: string) =>
    Promise.resolve(token === "good" ? "allowed" as const : "unknown" as const);
  const app = createMetricsApp(createMetrics(), { review });
  for (const [token, code] of [["good", 200], ["bad", 401]] as const) {
    const response = await app.request("/metrics", { headers: { authorization: `Bearer ${token}` } });
    assert.equal(response.status, code);
  }
  assert.equal((await app.request("/metrics", { method: "HEAD" })).status, 401);
});
