/** How the marks of several destinations combine. tests/suites/ shows what the API server makes of them. */
import assert from "node:assert/strict";
import {
  deferredMarks,
  doneMarks,
  givenUpMarks,
  type Marks,
  refusedMarks,
} from "../../controllers/configmap_marks.ts";
import { coreDestination, GIVEN_UP, trackDestination } from "../../controllers/destination.ts";
import type { PartialObject } from "../../lib/kube/objects.ts";
import { SBOM_LABELS } from "../fixtures/objects.ts";

const CORE = coreDestination(false);
const TRACK = trackDestination("default", () => true);
const all = [CORE, TRACK];
const ofCore = { destination: CORE, all };
const ofTrack = { destination: TRACK, all };
const LABEL = "insights.lagoon.sh/max-retry-exceeded";
const DEFERRED = "lagoon.sh/insightsWriteDeferred";

function configMap({ labels = {}, annotations = {} }: Partial<Marks> = {}): PartialObject {
  const metadata = { name: "web", namespace: "main", uid: "1", resourceVersion: "1" };
  return { metadata: { ...metadata, labels: { ...SBOM_LABELS, ...labels }, annotations } };
}

Deno.test("giving up at one destination does not mark the whole ConfigMap while another one waits", () => {
  const { labels, annotations } = givenUpMarks(configMap(), ofCore, "away");
  assert.deepEqual(labels, {});
  assert.equal(annotations[CORE.stopped], GIVEN_UP);
});

Deno.test("when the last destination is done, a ConfigMap given up at another one is given up as a whole, and removing the label retries all", () => {
  const given = configMap(givenUpMarks(configMap(), ofCore, "away"));
  const { labels, annotations } = doneMarks(given, ofTrack, { status: "success", nowMs: 0 });
  assert.deepEqual(labels, { [LABEL]: "true" });
  assert.deepEqual([annotations[CORE.status], annotations[CORE.error], annotations[TRACK.status]], [
    "failure",
    "away",
    "success",
  ]);
  assert.equal(annotations[CORE.stopped], undefined);
});

Deno.test("a refusal is recorded, and nothing waits for that destination", () => {
  const refused = configMap(refusedMarks(configMap(), ofTrack, "no", true));
  assert.match(refused.metadata.annotations?.[TRACK.stopped] ?? "", /^refused-/);
  assert.deepEqual(givenUpMarks(refused, ofCore, "away").labels, { [LABEL]: "true" });
  assert.deepEqual(doneMarks(refused, ofCore, { status: "success", nowMs: 0 }).labels, {});
});

Deno.test("each destination has its own retry time, and keeps the marks of the others", () => {
  const first = configMap(deferredMarks(configMap(), ofCore, 5_000, "away"));
  const { labels, annotations } = deferredMarks(first, ofTrack, 9_000, "busy");
  assert.deepEqual(labels, { [DEFERRED]: "5" });
  assert.deepEqual([annotations[CORE.retries], annotations[CORE.error]], ["1", "away"]);
  assert.deepEqual([annotations[TRACK.retries], annotations[TRACK.retryAfter.name]], ["1", "9"]);
});
