/** How the marks of several destinations go together; what the API server makes of them is in tests/suites/. */
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

Deno.test("who is given up while another still waits leaves the ConfigMap as a whole alone", () => {
  const { labels, annotations } = givenUpMarks(configMap(), ofCore, "away");
  assert.deepEqual(labels, {});
  assert.equal(annotations[CORE.stopped], GIVEN_UP);
});

Deno.test("when the last one is done, a ConfigMap that another was given up for is given up, and all can try again", () => {
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

Deno.test("a destination that refuses is no longer waited for, and not forgotten either", () => {
  const refused = configMap(refusedMarks(configMap(), ofTrack, "no", false));
  assert.match(refused.metadata.annotations?.[TRACK.stopped] ?? "", /^refused-/);
  assert.deepEqual(givenUpMarks(refused, ofCore, "away").labels, { [LABEL]: "true" });
  assert.deepEqual(doneMarks(refused, ofCore, { status: "success", nowMs: 0 }).labels, {});
});

Deno.test("each keeps its own time, and leaves the others' marks as they are", () => {
  const first = configMap(deferredMarks(configMap(), ofCore, 5_000, "away"));
  const { labels, annotations } = deferredMarks(first, ofTrack, 9_000, "busy");
  assert.deepEqual(labels, { [DEFERRED]: "5" });
  assert.deepEqual([annotations[CORE.retries], annotations[CORE.error]], ["1", "away"]);
  assert.deepEqual([annotations[TRACK.retries], annotations[TRACK.retryAfter.name]], ["1", "9"]);
});
