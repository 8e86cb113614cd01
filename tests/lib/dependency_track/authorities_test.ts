import assert from "node:assert/strict";
import { systemClock } from "../../../lib/clock.ts";
import { readAuthorities } from "../../../lib/dependency_track/authorities.ts";
import { DependencyTrackClient } from "../../../lib/dependency_track/client.ts";
import { createCertificates } from "../../fixtures/certificates.ts";
import { DependencyTrack } from "../../fixtures/dependency_track.ts";

const { signal } = new AbortController();

/** A server whose certificate is signed by a private CA, which is in `caFile`. */
async function startPrivate() {
  await using parts = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  const track = parts.use(new DependencyTrack({ tls: await createCertificates(folder) }));
  const running = parts.move();
  return { track, caFile: `${folder}/ca.crt`, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Uploads an SBOM; without a path of a CA file as to a server that a site names. */
async function upload(track: DependencyTrack, caFile?: string): Promise<void> {
  const server = {
    endpoint: new URL(track.url),
    key: "track-key",
    allowsAddress: () => true,
    ...(caFile !== undefined && { readAuthorities: () => readAuthorities(caFile, Deno.readTextFile) }),
  };
  const options = { clock: systemClock, newId: () => crypto.randomUUID(), requestTimeoutMs: 5_000 };
  const client = new DependencyTrackClient(server, options, signal);
  await client.upload({ project: "leaf", version: "1", tag: "t" }, undefined, new Blob(["{}"]).stream());
}

const bomsOf = (track: DependencyTrack) =>
  track.projects.flatMap(({ boms }) => boms.map(({ bytes }) => bytes));

Deno.test("an SBOM arrives at a server whose certificate is signed by the CA in the file", async () => {
  await using scene = await startPrivate();
  await upload(scene.track, scene.caFile);
  assert.deepEqual(bomsOf(scene.track), [2]);
});

Deno.test("without the CA nothing is sent, and the error says what would help", async () => {
  await using scene = await startPrivate();
  for (
    const [caFile, fix] of [
      ["", "set DEPENDENCY_TRACK_CACERT to the CA that signed it"],
      [undefined, "the server needs one of a well-known CA"],
    ] as const
  ) {
    await assert.rejects(upload(scene.track, caFile), {
      name: "DependencyTrackUnavailableError",
      code: "track-certificate",
      message: `Cannot verify the certificate of ${new URL(scene.track.url).host}: ` +
        `unable to verify the first certificate: ${fix}`,
    });
  }
  assert.deepEqual(scene.track.calls, []);
});

Deno.test("a new CA file is used from the next connection on, and the old one no longer", async () => {
  await using before = await startPrivate();
  await using after = await startPrivate();
  const caFile = await Deno.makeTempFile();
  try {
    await Deno.copyFile(before.caFile, caFile);
    await upload(before.track, caFile);
    await assert.rejects(upload(after.track, caFile), { code: "track-certificate" });
    await Deno.copyFile(after.caFile, caFile);
    await upload(after.track, caFile);
    await assert.rejects(upload(before.track, caFile), { code: "track-certificate" });
    assert.deepEqual([bomsOf(before.track), bomsOf(after.track)], [[2], [2]]);
  } finally {
    await Deno.remove(caFile);
  }
});

Deno.test("while the file is missing or broken, the error names its option", async () => {
  await using scene = await startPrivate();
  const folder = await Deno.makeTempDir();
  try {
    const caFile = `${folder}/ca.crt`;
    const refused = (message: RegExp) =>
      assert.rejects(upload(scene.track, caFile), { code: "track-authorities", message });
    await refused(
      /^Cannot read \S+ca\.crt for TLS to .*: provide the file, or correct DEPENDENCY_TRACK_CACERT$/,
    );
    await Deno.writeTextFile(caFile, (await Deno.readTextFile(scene.caFile)).slice(0, 200));
    await refused(
      /^Cannot use \S+ca\.crt for TLS to .* is broken: correct the file, or DEPENDENCY_TRACK_CACERT$/,
    );
    assert.deepEqual(scene.track.calls, []);
    await Deno.copyFile(scene.caFile, caFile);
    await upload(scene.track, caFile);
    assert.deepEqual(bomsOf(scene.track), [2]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
