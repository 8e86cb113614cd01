import assert from "node:assert/strict";
import { createMetrics } from "../../lib/metrics.ts";

Deno.test("render() returns the counts in Prometheus' text format", async () => {
  const metrics = createMetrics();
  metrics.countConfigMap("sent");
  metrics.countConfigMap("refused", "insights-payload-empty");
  metrics.countConfigMap("refused", "insights-payload-empty");
  metrics.countToken("created");
  const { text, contentType } = await metrics.render();
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
  assert.ok(text.includes('insights_remote_configmaps_total{outcome="sent",code=""} 1\n'));
  assert.ok(
    text.includes('insights_remote_configmaps_total{outcome="refused",code="insights-payload-empty"} 2\n'),
  );
  assert.ok(text.includes('insights_remote_token_secrets_total{outcome="created"} 1\n'));
});

Deno.test("registerGauge() reads the values at each scrape, and drops labels that are gone", async () => {
  const metrics = createMetrics();
  let values: Record<string, number> = { current: 1, outstanding: 2 };
  metrics.registerGauge("token_secrets", () => values);
  assert.match((await metrics.render()).text, /insights_remote_token_secrets\{state="outstanding"\} 2\n/);
  values = { current: 3 };
  const { text } = await metrics.render();
  assert.match(text, /insights_remote_token_secrets\{state="current"\} 3\n/);
  assert.doesNotMatch(text, /outstanding/);
});

Deno.test("two sets of metrics are independent", async () => {
  const metrics = createMetrics();
  createMetrics().countToken("created");
  assert.doesNotMatch((await metrics.render()).text, /created/);
});
