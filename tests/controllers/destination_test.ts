import assert from "node:assert/strict";
import {
  coreDestination,
  isDone,
  refusalOf,
  retryCount,
  trackDestination,
} from "../../controllers/destination.ts";
import type { PartialObject } from "../../lib/kube/objects.ts";

const CORE = coreDestination(false);
const TRACK = trackDestination("default", () => true);
const insights = { "lagoon.sh/insightsType": "sbom-gz" };

function configMap(labels: Record<string, string>, annotations: Record<string, string> = {}): PartialObject {
  return {
    metadata: { name: "web", namespace: "main", uid: "1", resourceVersion: "1", labels, annotations },
  };
}

Deno.test("retryCount() reads the destination's annotation, and 0 for any other value", () => {
  const count = (value: string) =>
    retryCount(configMap(insights, { "insights.lagoon.sh/retries": value }), CORE);
  assert.deepEqual(["3", "0", "-1", "x", "1.5", ""].map(count), [3, 0, 0, 0, 0, 0]);
  assert.equal(retryCount(configMap(insights), CORE), 0);
  assert.equal(retryCount(configMap(insights, { "insights.lagoon.sh/retries": "3" }), TRACK), 0);
});

Deno.test("Dependency-Track wants SBOMs, by the old and the new type label", () => {
  const wants = (labels: Record<string, string>) => TRACK.wants(configMap(labels).metadata);
  assert.equal(wants(insights), true);
  assert.equal(wants({ "lagoon.sh/insightsType": "image-gz" }), false);
  assert.equal(wants({ ...insights, "insights.lagoon.sh/type": "inspect" }), false);
  assert.equal(wants({ "lagoon.sh/insightsType": "x", "insights.lagoon.sh/type": "sbom" }), true);
});

Deno.test("a destination is done if it has, has skipped, or doesn't want a ConfigMap", () => {
  const done = (status: string) => isDone(configMap(insights, { [TRACK.status]: status }), TRACK);
  assert.deepEqual(["success", "skipped", "failure"].map(done), [true, true, false]);
  assert.equal(isDone(configMap({ "lagoon.sh/insightsType": "image-gz" }), TRACK), true);
  assert.equal(isDone(configMap(insights), TRACK), false);
});

Deno.test("a refusal depends on labels and the site's endpoint, not on our own marks", () => {
  const of = (labels: Record<string, string>, annotations: Record<string, string> = {}) =>
    refusalOf(configMap(labels, annotations).metadata);
  const first = of(insights);
  assert.equal(of({ ...insights, "lagoon.sh/insightsWriteDeferred": "1" }, { note: "x" }), first);
  assert.notEqual(of({ ...insights, "lagoon.sh/service": "web" }), first);
  assert.notEqual(of(insights, { "dependencytrack.insights.lagoon.sh/custom-endpoint": "https://a" }), first);
});
