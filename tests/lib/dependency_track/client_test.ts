import assert from "node:assert/strict";
import { systemClock } from "../../../lib/clock.ts";
import { DependencyTrackClient } from "../../../lib/dependency_track/client.ts";
import {
  DependencyTrackRefusedError,
  DependencyTrackUnavailableError,
} from "../../../lib/dependency_track/errors.ts";
import { DependencyTrack, type DependencyTrackFault } from "../../fixtures/dependency_track.ts";

const { signal } = new AbortController();
const allowsAddress = () => true;

function clientOf(
  track: DependencyTrack,
  { key = "track-key", path = "", requestTimeoutMs = 5_000, stop = signal } = {},
): DependencyTrackClient {
  const endpoint = new URL(track.url + path);
  const options = { clock: systemClock, newId: () => crypto.randomUUID(), requestTimeoutMs };
  return new DependencyTrackClient({ endpoint, key, allowsAddress }, options, stop);
}

function upload(client: DependencyTrackClient, parent?: string): Promise<string> {
  const names = { project: 'a "quoted" ü', version: "1", tag: "t" };
  return client.upload(names, parent, new Blob(["{}"]).stream());
}

Deno.test("a project is found by its name and version, with its parent", async () => {
  await using track = new DependencyTrack();
  const root = track.add({ name: "root" });
  const leaf = track.add({ name: "leaf", version: "1", parent: root.uuid, active: false });
  const client = clientOf(track);
  assert.deepEqual(await client.findProject("root", ""), {
    uuid: root.uuid,
    active: true,
    parent: undefined,
  });
  assert.deepEqual(await client.findProject("leaf", "1"), {
    uuid: leaf.uuid,
    active: false,
    parent: root.uuid,
  });
  for (const [name, version] of [["leaf", ""], ["leaf", "2"], ["lea", "1"]] as const) {
    assert.equal(await client.findProject(name, version), undefined);
  }
});

Deno.test("a name that is taken is no error", async () => {
  await using track = new DependencyTrack();
  const client = clientOf(track);
  const uuid = await client.createParent("root", undefined);
  assert.equal(track.projects[0]?.uuid, uuid);
  assert.equal(await client.createParent("root", undefined), undefined);
});

Deno.test("an upload is a multipart form, and creates its project below the parent", async () => {
  await using track = new DependencyTrack();
  const root = track.add({ name: "root" });
  const client = clientOf(track);
  const token = await upload(client, root.uuid);
  assert.equal(await client.isProcessing(token), false);
  const leaf = track.projects.find(({ name }) => name === 'a "quoted" ü');
  assert.deepEqual(
    [leaf?.parent, leaf?.version, leaf?.tags, leaf?.boms[0]?.bytes],
    [root.uuid, "1", ["t"], 2],
  );
});

Deno.test("the API is below the endpoint's path, with or without a slash at its end", async () => {
  await using track = new DependencyTrack();
  assert.equal(await clientOf(track, { path: "/" }).findProject("x", ""), undefined);
  await assert.rejects(clientOf(track, { path: "/track/" }).createParent("x", undefined), {
    code: "track-refused",
  });
  assert.deepEqual(track.calls.map(({ what }) => what), [
    "GET /api/v1/project/lookup",
    "PUT /track/api/v1/project",
  ]);
});

const ANSWERS: readonly (readonly [
  DependencyTrackFault,
  typeof DependencyTrackRefusedError | typeof DependencyTrackUnavailableError,
  RegExp,
])[] = [
  [{ status: 400 }, DependencyTrackRefusedError, /answered 400 to POST \/api\/v1\/bom$/],
  [{ status: 401 }, DependencyTrackRefusedError, /401.*check the API key/],
  [{ status: 403 }, DependencyTrackRefusedError, /403.*permissions BOM_UPLOAD/],
  [{ status: 404 }, DependencyTrackRefusedError, /404/],
  [{ status: 413 }, DependencyTrackRefusedError, /413.*larger/],
  [{ status: 302 }, DependencyTrackRefusedError, /302.*redirects/],
  [{ status: 408 }, DependencyTrackUnavailableError, /408/],
  [{ status: 429 }, DependencyTrackUnavailableError, /429/],
  [{ status: 500 }, DependencyTrackUnavailableError, /500/],
  [{ status: 503 }, DependencyTrackUnavailableError, /503/],
  ["no-json", DependencyTrackUnavailableError, /did not answer as Dependency-Track does/],
  ["cut", DependencyTrackUnavailableError, /No answer/],
];
for (const [fault, kind, message] of ANSWERS) {
  Deno.test(`${JSON.stringify(fault)} is a ${kind.name} that quotes neither key nor answer`, async () => {
    await using track = new DependencyTrack();
    track.fault = () => fault;
    const error = await upload(clientOf(track)).catch((error) => error);
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /track-key|html/);
  });
}

Deno.test("the server's Retry-After is honoured up to an hour", async () => {
  await using track = new DependencyTrack();
  for (const [text, expected] of [["30", 30_000], ["1000000", 3_600_000], ["-1", 0], ["soon", 0]] as const) {
    track.fault = () => ({ status: 429, headers: { "retry-after": text } });
    const error = await upload(clientOf(track)).catch((error) => error);
    assert.equal(error.retryAfterMs, expected, text);
  }
});

Deno.test("a request that takes too long is a connection error, and an aborted one throws the reason", async () => {
  await using track = new DependencyTrack();
  track.fault = () => "silence";
  await assert.rejects(clientOf(track, { requestTimeoutMs: 50 }).findProject("x", ""), {
    code: "track-connection",
    message: /^No answer from 127/,
  });
  const stop = new AbortController();
  const asking = clientOf(track, { stop: stop.signal }).findProject("x", "");
  stop.abort(new Error("stopped"));
  await assert.rejects(asking, { message: "stopped" });
});

/** A client of a server that gives each request the same answer. */
async function withAnswer(
  answer: unknown,
  use: (client: DependencyTrackClient) => Promise<void>,
): Promise<void> {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => Response.json(answer),
  );
  try {
    const endpoint = new URL(`http://127.0.0.1:${server.addr.port}`);
    const options = { clock: systemClock, newId: () => "1", requestTimeoutMs: 5_000 };
    await use(new DependencyTrackClient({ endpoint, key: "k", allowsAddress }, options, signal));
  } finally {
    await server.shutdown();
  }
}

Deno.test("a server can't choose a path of ours by its answer", async () => {
  await withAnswer({ token: "../../../admin" }, async (client) => {
    await assert.rejects(upload(client), { code: "track-answer" });
  });
});

Deno.test("a project without a UUID is refused", async () => {
  await withAnswer({ name: "x" }, async (client) => {
    await assert.rejects(client.findProject("x", ""), { code: "track-answer" });
  });
});
