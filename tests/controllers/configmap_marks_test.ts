/** How the marks of several destinations combine. tests/suites/ shows what the API server makes of them. */
import assert from "node:assert/strict";
import { type Attempt, type Marks, marksAfter } from "../../controllers/configmap_marks.ts";
import {
  coreDestination,
  dependencyTrackDestination,
  type DestinationScope,
  GIVEN_UP,
  refusalOf,
} from "../../controllers/destination.ts";
import type { PartialObject } from "../../lib/kube/objects.ts";
import { SBOM_LABELS } from "../fixtures/objects.ts";

const CORE = coreDestination(false);
const TRACK = dependencyTrackDestination("default", () => true);
const all = [CORE, TRACK];
const ofCore = { destination: CORE, all };
const ofDependencyTrack = { destination: TRACK, all };
const LABEL = "insights.lagoon.sh/max-retry-exceeded";
const DEFERRED = "lagoon.sh/insightsWriteDeferred";

function configMap({ labels = {}, annotations = {} }: Partial<Marks> = {}): PartialObject {
  const metadata = { name: "web", namespace: "main", uid: "1", resourceVersion: "1" };
  return { metadata: { ...metadata, labels: { ...SBOM_LABELS, ...labels }, annotations } };
}

const success = (object: PartialObject, scope: DestinationScope) =>
  marksAfter(object, scope, { status: "success", retries: 0 }, 0);
const failure = (object: PartialObject, scope: DestinationScope, error: string, next: Partial<Attempt>) =>
  marksAfter(object, scope, { status: "failure", retries: 1, error, ...next }, 0);

Deno.test("giving up at one destination does not mark the whole ConfigMap while another one waits", () => {
  const { labels, annotations } = failure(configMap(), ofCore, "away", { stopped: GIVEN_UP });
  assert.deepEqual(labels, {});
  assert.equal(annotations[CORE.stopped], GIVEN_UP);
});

Deno.test("when the last destination is done, a ConfigMap given up at another one is given up as a whole, and removing the label retries all", () => {
  const given = configMap(failure(configMap(), ofCore, "away", { stopped: GIVEN_UP }));
  const { labels, annotations } = success(given, ofDependencyTrack);
  assert.deepEqual(labels, { [LABEL]: "true" });
  assert.deepEqual([annotations[CORE.status], annotations[CORE.error], annotations[TRACK.status]], [
    "failure",
    "away",
    "success",
  ]);
  assert.equal(annotations[CORE.stopped], undefined);
});

Deno.test("a refusal is recorded, and nothing waits for that destination", () => {
  const refused = configMap(
    failure(configMap(), ofDependencyTrack, "no", { stopped: refusalOf(configMap().metadata) }),
  );
  assert.deepEqual(failure(refused, ofCore, "away", { stopped: GIVEN_UP }).labels, { [LABEL]: "true" });
  assert.deepEqual(success(refused, ofCore).labels, {});
});

Deno.test("each destination has its own retry time, and keeps the marks of the others", () => {
  const first = configMap(failure(configMap(), ofCore, "away", { retryAt: 5_000 }));
  const { labels, annotations } = failure(first, ofDependencyTrack, "busy", { retryAt: 9_000 });
  assert.deepEqual(labels, { [DEFERRED]: "5" });
  assert.deepEqual([annotations[CORE.retries], annotations[CORE.error]], ["1", "away"]);
  assert.deepEqual([annotations[TRACK.retries], annotations[TRACK.retryAfter.name]], ["1", "9"]);
});
