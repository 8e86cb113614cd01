import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { systemClock } from "../../../lib/clock.ts";
import { WELL_KNOWN_AUTHORITIES } from "../../../lib/dependency_track/authorities.ts";
import { Pusher } from "../../../lib/dependency_track/push.ts";
import { DependencyTrack } from "../../fixtures/dependency_track.ts";

const { signal } = new AbortController();

Deno.test("a push is done as often as somebody looks, since a mark may have to be written again", async () => {
  await using track = new DependencyTrack();
  const pusher = new Pusher({
    clock: systemClock,
    newId: () => crypto.randomUUID(),
    requestTimeoutMs: 5_000,
    maxSbomBytes: 1_000,
    processingTimeoutMs: 60_000,
  });
  const server = {
    endpoint: new URL(track.url),
    key: "track-key",
    allowsAddress: () => true,
    authorities: WELL_KNOWN_AUTHORITIES,
  };
  const names = { parents: ["root"], project: "leaf", version: "1", tag: "t" };
  const push = { id: "a", server, names, sbom: gzipSync("{}").toString("base64") };
  track.isBusy = true;
  assert.equal(await pusher.begin(push, signal), "processing");
  assert.equal(await pusher.begin({ ...push, id: "b" }, signal), "busy");
  assert.equal(await pusher.look("a", signal), "processing");
  track.isBusy = false;
  assert.deepEqual([await pusher.look("a", signal), await pusher.look("a", signal)], ["done", "done"]);
  assert.equal(pusher.runningCount, 0);
});
