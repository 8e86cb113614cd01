import assert from "node:assert/strict";
import {
  configMapSelector,
  configMapState,
  coreDestination,
  dependencyTrackDestination,
  GIVEN_UP,
  isDone,
  refusalOf,
  retryCount,
} from "../../controllers/destination.ts";
import type { PartialObject } from "../../lib/kube/objects.ts";

const CORE = coreDestination(false);
const TRACK = dependencyTrackDestination("default", () => true);
const insights = { "lagoon.sh/insightsType": "sbom-gz" };

function configMap(
  labels: Record<string, string>,
  annotations: Record<string, string> = {},
  deletionTimestamp?: string,
): PartialObject {
  const metadata = { name: "web", namespace: "main", uid: "1", resourceVersion: "1", labels, annotations };
  return { metadata: deletionTimestamp ? { ...metadata, deletionTimestamp } : metadata };
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

const enabled = "core.insights.lagoon.sh/enabled";

/** In milliseconds. */
const NOW = 1_794_999_995_000;

const STATES: readonly (readonly [story: string, object: PartialObject, optIn: boolean, state: unknown])[] = [
  ["a labelled ConfigMap is pending", configMap(insights), false, { kind: "pending" }],
  ["without the label it is unrelated", configMap({ a: "b" }), false, { kind: "unrelated" }],
  ["while it is being deleted it is unrelated", configMap(insights, {}, "2026-11-23T10:00:00Z"), false, {
    kind: "unrelated",
  }],
  [
    "our label marks it processed",
    configMap({ ...insights, "lagoon.sh/insightsProcessed": "true" }),
    false,
    { kind: "processed" },
  ],
  [
    "the Go remote's annotation marks it processed",
    configMap(insights, { "lagoon.sh/insightsProcessed": "2026-11-23T09:34:33Z" }),
    false,
    { kind: "processed" },
  ],
  [
    "processed wins over deferred",
    configMap({ ...insights, "lagoon.sh/insightsWriteDeferred": "9" }, {
      "lagoon.sh/insightsProcessed": "t",
    }),
    false,
    { kind: "processed" },
  ],
  [
    "given up stays given up",
    configMap({ ...insights, "insights.lagoon.sh/max-retry-exceeded": "true" }),
    false,
    { kind: "given-up" },
  ],
  [
    "a deferral is a time in Unix seconds",
    configMap({ ...insights, "lagoon.sh/insightsWriteDeferred": "1795000000" }),
    false,
    { kind: "deferred", leftMs: 5_000 },
  ],
  [
    "a deferral that is not a time is over",
    configMap({ ...insights, "lagoon.sh/insightsWriteDeferred": "soon" }),
    false,
    { kind: "deferred", leftMs: 0 },
  ],
  ["an explicit no is respected", configMap(insights, { [enabled]: "false" }), false, { kind: "unwanted" }],
  ["any other value than true is a no", configMap(insights, { [enabled]: "yes" }), false, {
    kind: "unwanted",
  }],
  ["with opt-in, it is unwanted without the annotation", configMap(insights), true, { kind: "unwanted" }],
  [
    "it is done at core even if it is not marked as processed",
    configMap(insights, { "core.insights.lagoon.sh/status": "success" }),
    false,
    { kind: "done" },
  ],
  [
    "given up at this destination",
    configMap(insights, { "core.insights.lagoon.sh/stopped": GIVEN_UP }),
    false,
    { kind: "stopped" },
  ],
  [
    "refused and unchanged",
    configMap(insights, { "core.insights.lagoon.sh/stopped": refusalOf(configMap(insights).metadata) }),
    false,
    { kind: "stopped" },
  ],
  [
    "refused and changed since",
    configMap({ ...insights, "lagoon.sh/service": "web" }, {
      "core.insights.lagoon.sh/stopped": refusalOf(configMap(insights).metadata),
    }),
    false,
    { kind: "pending" },
  ],
  ["with opt-in, an explicit yes is sent", configMap(insights, { [enabled]: "true" }), true, {
    kind: "pending",
  }],
];

for (const [story, object, optIn, state] of STATES) {
  Deno.test(`configMapState(): ${story}`, () =>
    assert.deepEqual(configMapState(object, coreDestination(optIn), NOW), state));
}

Deno.test("configMapSelector() watches processed ConfigMaps only to burn them", () => {
  assert.equal(
    configMapSelector(false),
    "lagoon.sh/insightsType,!insights.lagoon.sh/max-retry-exceeded,!lagoon.sh/insightsProcessed",
  );
  assert.equal(configMapSelector(true), "lagoon.sh/insightsType,!insights.lagoon.sh/max-retry-exceeded");
});

Deno.test("a deferral more than a day ahead, which a wrong clock wrote, counts as over", () => {
  const object = configMap({ ...insights, "lagoon.sh/insightsWriteDeferred": "1795000000" });
  const leftAt = (now: number) => configMapState(object, CORE, now);
  const until = 1_795_000_000_000;
  const day = 24 * 60 * 60 * 1000;
  assert.deepEqual(leftAt(until + 1), { kind: "deferred", leftMs: 0 });
  assert.deepEqual(leftAt(until - day), { kind: "deferred", leftMs: day });
  assert.deepEqual(leftAt(until - day - 1), { kind: "deferred", leftMs: 0 });
});
