import assert from "node:assert/strict";
import { configMapSelector, configMapState, deferralLeft } from "../../controllers/configmap_state.ts";
import { coreDestination, GIVEN_UP, refusalOf } from "../../controllers/destination.ts";
import type { PartialObject } from "../../lib/kube/objects.ts";

function configMap(
  labels: Record<string, string>,
  annotations: Record<string, string> = {},
  deletionTimestamp?: string,
): PartialObject {
  const metadata = { name: "web", namespace: "main", uid: "1", resourceVersion: "1", labels, annotations };
  return { metadata: deletionTimestamp ? { ...metadata, deletionTimestamp } : metadata };
}

const insights = { "lagoon.sh/insightsType": "sbom-gz" };
const enabled = "core.insights.lagoon.sh/enabled";

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
    { kind: "deferred", untilMs: 1_795_000_000_000 },
  ],
  [
    "a deferral that is not a time is over",
    configMap({ ...insights, "lagoon.sh/insightsWriteDeferred": "soon" }),
    false,
    { kind: "deferred", untilMs: 0 },
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
    assert.deepEqual(configMapState(object, coreDestination(optIn)), state));
}

Deno.test("configMapSelector() watches processed ConfigMaps only to burn them", () => {
  assert.equal(
    configMapSelector(false),
    "lagoon.sh/insightsType,!insights.lagoon.sh/max-retry-exceeded,!lagoon.sh/insightsProcessed",
  );
  assert.equal(configMapSelector(true), "lagoon.sh/insightsType,!insights.lagoon.sh/max-retry-exceeded");
});

Deno.test("deferralLeft() ignores a time more than a day ahead, which a wrong clock wrote", () => {
  const day = 24 * 60 * 60 * 1000;
  assert.equal(deferralLeft(5_000, 2_000), 3_000);
  assert.equal(deferralLeft(2_000, 5_000), 0);
  assert.equal(deferralLeft(5_000 + day, 5_000), day);
  assert.equal(deferralLeft(5_001 + day, 5_000), 0);
});
