import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { Uploader } from "../../../lib/dependency_track/uploader.ts";
import { ManualClock, turn } from "../../fixtures/clock.ts";
import { DependencyTrack } from "../../fixtures/dependency_track.ts";

const { signal } = new AbortController();

function setUp(track: DependencyTrack) {
  const clock = new ManualClock();
  const uploader = new Uploader({
    clock,
    newId: () => crypto.randomUUID(),
    requestTimeoutMs: 5_000,
    maxSbomBytes: 1_000,
    processingTimeoutMs: 60_000,
  });
  const server = { endpoint: new URL(track.url), key: "track-key", allowsAddress: () => true };
  const names = { parents: ["root"], project: "leaf", version: "1", tag: "t" };
  const upload = { id: "a", build: "1", server, names, sbom: gzipSync("{}").toString("base64") };
  return { clock, uploader, upload };
}

Deno.test("an upload keeps its project until it is forgotten, since a mark may have to be written again", async () => {
  await using track = new DependencyTrack();
  const { uploader, upload } = setUp(track);
  track.isBusy = true;
  assert.equal(await uploader.start(upload, signal), true);
  assert.equal(uploader.buildOf("a"), "1");
  assert.equal(await uploader.isProcessed("a", signal), false);
  track.isBusy = false;
  for (let tries = 0; tries < 2; tries++) assert.equal(await uploader.isProcessed("a", signal), true);
  assert.equal(await uploader.start({ ...upload, id: "b" }, signal), false);
  uploader.forget("a");
  assert.deepEqual([uploader.buildOf("a"), uploader.runningCount], [undefined, 0]);
  assert.equal(await uploader.start({ ...upload, id: "b" }, signal), true);
});

Deno.test("parents at one server are created one after the other", async () => {
  await using track = new DependencyTrack();
  const { uploader, upload } = setUp(track);
  let [current, most] = [0, 0];
  track.fault = async (what) => {
    if (!what.endsWith("/api/v1/project")) return undefined;
    most = Math.max(most, ++current);
    // Time for the others to send theirs.
    for (let turns = 0; turns < 20; turns++) await turn();
    current--;
    return undefined;
  };
  const ids = ["a", "b", "c"];
  await Promise.all(
    ids.map((id) => uploader.start({ ...upload, id, names: { ...upload.names, project: id } }, signal)),
  );
  assert.equal(most, 1);
  assert.deepEqual(track.projects.map(({ name }) => name).sort(), ["a", "b", "c", "root"]);
});

Deno.test("an upload that fails leaves its project free", async () => {
  await using track = new DependencyTrack();
  const { uploader, upload } = setUp(track);
  await assert.rejects(uploader.start({ ...upload, sbom: "" }, signal), { code: "track-sbom-broken" });
  assert.equal(uploader.runningCount, 0);
  assert.equal(await uploader.start({ ...upload, id: "b" }, signal), true);
});

Deno.test("processing may take its whole time, even if answers get lost or the wall clock is set", async () => {
  await using track = new DependencyTrack();
  const { clock, uploader, upload } = setUp(track);
  track.isBusy = true;
  await uploader.start(upload, signal);
  track.fault = () => ({ status: 500 });
  clock.setWallTime(clock.now() + 3_600_000);
  assert.equal(await uploader.isProcessed("a", signal), false);
  await clock.advance(60_000);
  await assert.rejects(uploader.isProcessed("a", signal), { code: "track-unavailable" });
  track.fault = () => undefined;
  await assert.rejects(uploader.isProcessed("a", signal), { code: "track-processing" });
});

Deno.test("all requests of an upload share one deadline, even if each is answered just in time", async () => {
  await using track = new DependencyTrack();
  const { clock, uploader, upload } = setUp(track);
  track.fault = async () => {
    await clock.advance(4_900);
    return undefined;
  };
  const names = { ...upload.names, parents: Array.from({ length: 20 }, (_, index) => `parent-${index}`) };
  await assert.rejects(uploader.start({ ...upload, names }, signal), { code: "track-processing" });
  assert.equal(track.calls.length, 13);
  assert.equal(uploader.runningCount, 0);
});

Deno.test("an inactive parent is named as that, and retried", async () => {
  await using track = new DependencyTrack();
  const { uploader, upload } = setUp(track);
  track.add({ name: "root", active: false });
  await assert.rejects(uploader.start(upload, signal), {
    name: "DependencyTrackUnavailableError",
    message: /"root" is inactive/,
  });
});
