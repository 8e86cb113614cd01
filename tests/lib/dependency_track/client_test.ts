import assert from "node:assert/strict";
import { systemClock } from "../../../lib/clock.ts";
import { WELL_KNOWN_AUTHORITIES } from "../../../lib/dependency_track/authorities.ts";
import { createTrackClient, type TrackClient } from "../../../lib/dependency_track/client.ts";
import { TrackRefusedError, TrackUnavailableError } from "../../../lib/dependency_track/errors.ts";
import { DependencyTrack, type TrackFault } from "../../fixtures/dependency_track.ts";

const { signal } = new AbortController();
const EVERYBODY = { allowsAddress: () => true, authorities: WELL_KNOWN_AUTHORITIES } as const;

function clientOf(track: DependencyTrack, { key = "track-key", path = "" } = {}): TrackClient {
  const endpoint = new URL(track.url + path);
  const options = { clock: systemClock, newId: () => crypto.randomUUID(), requestTimeoutMs: 5_000 };
  return createTrackClient({ endpoint, key, ...EVERYBODY }, options);
}

async function* bom(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(new TextEncoder().encode(text));
}

function upload(client: TrackClient, parent?: string): Promise<string> {
  const names = { projectName: 'a "quoted" ü', projectVersion: "1", tag: "t" };
  return client.upload({ ...names, parent, bom: bom("{}") }, signal);
}

Deno.test("projects are found by their whole name, with their parents", async () => {
  await using track = new DependencyTrack();
  const root = track.add({ name: "root" });
  const leaf = track.add({ name: "leaf", parent: root.uuid });
  const client = clientOf(track);
  assert.deepEqual(await client.findProjects("leaf", signal), [
    { uuid: leaf.uuid, name: "leaf", parent: root.uuid },
  ]);
  assert.deepEqual(await client.findProjects("root", signal), [
    { uuid: root.uuid, name: "root", parent: undefined },
  ]);
  assert.deepEqual(await client.findProjects("lea", signal), []);
});

Deno.test("a name that is taken is no error", async () => {
  await using track = new DependencyTrack();
  const client = clientOf(track);
  const uuid = await client.createParent("root", undefined, signal);
  assert.equal(track.projects[0]?.uuid, uuid);
  assert.equal(await client.createParent("root", undefined, signal), undefined);
});

Deno.test("an upload is a multipart form, whose project is created where it belongs", async () => {
  await using track = new DependencyTrack();
  const root = track.add({ name: "root" });
  const client = clientOf(track);
  const token = await upload(client, root.uuid);
  assert.equal(await client.isProcessing(token, signal), false);
  const leaf = track.projects.find(({ name }) => name === 'a "quoted" ü');
  assert.deepEqual([leaf?.parent, leaf?.version, leaf?.tags, leaf?.boms[0]?.bytes], [
    root.uuid,
    "1",
    ["t"],
    2,
  ]);
});

Deno.test("an address with a path, or a slash at its end, has the API below it", async () => {
  await using track = new DependencyTrack();
  assert.deepEqual(await clientOf(track, { path: "/" }).findProjects("x", signal), []);
  await assert.rejects(clientOf(track, { path: "/track/" }).findProjects("x", signal), {
    code: "track-refused",
  });
  assert.deepEqual(track.calls.map(({ what }) => what), ["GET /api/v1/project", "GET /track/api/v1/project"]);
});

const ANSWERS:
  readonly (readonly [TrackFault, typeof TrackRefusedError | typeof TrackUnavailableError, RegExp])[] = [
    [{ status: 400 }, TrackRefusedError, /answered 400 to POST \/api\/v1\/bom$/],
    [{ status: 401 }, TrackRefusedError, /401.*check the API key/],
    [{ status: 403 }, TrackRefusedError, /403.*permissions BOM_UPLOAD/],
    [{ status: 404 }, TrackRefusedError, /404/],
    [{ status: 413 }, TrackRefusedError, /413.*larger/],
    [{ status: 302 }, TrackRefusedError, /302.*redirects/],
    [{ status: 408 }, TrackUnavailableError, /408/],
    [{ status: 429 }, TrackUnavailableError, /429/],
    [{ status: 500 }, TrackUnavailableError, /500/],
    [{ status: 503 }, TrackUnavailableError, /503/],
    ["no-json", TrackUnavailableError, /something that Dependency-Track does not/],
    ["cut", TrackUnavailableError, /No answer/],
  ];
for (const [fault, kind, message] of ANSWERS) {
  Deno.test(`${JSON.stringify(fault)} is ${kind.name}, told without key and answer`, async () => {
    await using track = new DependencyTrack();
    track.fault = () => fault;
    const error = await upload(clientOf(track)).catch((error) => error);
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /track-key|html/);
  });
}

Deno.test("how long to wait is as the server says, an hour at most", async () => {
  await using track = new DependencyTrack();
  for (const [text, expected] of [["30", 30_000], ["1000000", 3_600_000], ["-1", 0], ["soon", 0]] as const) {
    track.fault = () => ({ status: 429, headers: { "retry-after": text } });
    const error = await upload(clientOf(track)).catch((error) => error);
    assert.equal(error.retryAfterMs, expected, text);
  }
});

Deno.test("a request that takes too long is given up, and told from one that was stopped", async () => {
  await using track = new DependencyTrack();
  track.fault = () => "silence";
  const endpoint = new URL(track.url);
  const options = { clock: systemClock, newId: () => "1", requestTimeoutMs: 50 };
  const client = createTrackClient({ endpoint, key: "k", ...EVERYBODY }, options);
  await assert.rejects(client.findProjects("x", signal), { code: "track-connection" });
  const stop = new AbortController();
  const asking = client.findProjects("x", stop.signal);
  stop.abort(new Error("stopped"));
  await assert.rejects(asking, { message: "stopped" });
});

Deno.test("a server can't make a path of ours by what it answers", async () => {
  await using odd = {
    server: Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => Response.json({ token: "../../../admin" }),
    ),
    [Symbol.asyncDispose]() {
      return this.server.shutdown();
    },
  };
  const endpoint = new URL(`http://127.0.0.1:${odd.server.addr.port}`);
  const options = { clock: systemClock, newId: () => "1", requestTimeoutMs: 5_000 };
  const client = createTrackClient({ endpoint, key: "k", ...EVERYBODY }, options);
  await assert.rejects(upload(client), { code: "track-answer" });
});
