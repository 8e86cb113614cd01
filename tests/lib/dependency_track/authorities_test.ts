import assert from "node:assert/strict";
import { systemClock } from "../../../lib/clock.ts";
import {
  type Authorities,
  operatorsAuthorities,
  WELL_KNOWN_AUTHORITIES,
} from "../../../lib/dependency_track/authorities.ts";
import { DependencyTrackClient } from "../../../lib/dependency_track/client.ts";
import { DependencyTrackUnavailableError } from "../../../lib/dependency_track/errors.ts";
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

async function upload(track: DependencyTrack, authorities: Authorities): Promise<void> {
  const server = {
    endpoint: new URL(track.url),
    key: "track-key",
    allowsAddress: () => true,
    authorities,
  };
  const options = { clock: systemClock, newId: () => crypto.randomUUID(), requestTimeoutMs: 5_000 };
  async function* bom(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(new TextEncoder().encode("{}"));
  }
  const names = { projectName: "leaf", projectVersion: "1", parent: undefined, tag: "t" };
  await new DependencyTrackClient(server, options, signal).upload({ ...names, bom: bom() });
}

const bomsOf = (track: DependencyTrack) =>
  track.projects.flatMap(({ boms }) => boms.map(({ bytes }) => bytes));

Deno.test("an SBOM arrives at a server whose certificate is signed by the CA in the file", async () => {
  await using scene = await startPrivate();
  await upload(scene.track, operatorsAuthorities(scene.caFile, Deno.readTextFile));
  assert.deepEqual(bomsOf(scene.track), [2]);
});

Deno.test("without the CA nothing is sent, and the error says what would help", async () => {
  await using scene = await startPrivate();
  const ours = operatorsAuthorities("", Deno.readTextFile);
  for (
    const [authorities, advice] of [
      [ours, "give the CA that signed it in DEPENDENCY_TRACK_CACERT"],
      [WELL_KNOWN_AUTHORITIES, "the server needs one of a well-known CA"],
    ] as const
  ) {
    const error = await upload(scene.track, authorities).catch((error) => error);
    assert.ok(error instanceof DependencyTrackUnavailableError, String(error));
    assert.equal(error.code, "track-certificate");
    assert.equal(
      error.message,
      `Cannot send anything to ${new URL(scene.track.url).host} as its certificate doesn't fit: ` +
        `unable to verify the first certificate: ${advice}`,
    );
  }
  assert.deepEqual(scene.track.calls, []);
});

Deno.test("a new CA file is used from the next connection on, and the old one no longer", async () => {
  await using before = await startPrivate();
  await using after = await startPrivate();
  const caFile = await Deno.makeTempFile();
  try {
    const authorities = operatorsAuthorities(caFile, Deno.readTextFile);
    await Deno.copyFile(before.caFile, caFile);
    await upload(before.track, authorities);
    await assert.rejects(upload(after.track, authorities), { code: "track-certificate" });
    await Deno.copyFile(after.caFile, caFile);
    await upload(after.track, authorities);
    await assert.rejects(upload(before.track, authorities), { code: "track-certificate" });
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
    const authorities = operatorsAuthorities(caFile, Deno.readTextFile);
    const refused = (message: RegExp) =>
      assert.rejects(upload(scene.track, authorities), { code: "track-authorities", message });
    await refused(
      /^Cannot read \S+ca\.crt for TLS to .*: provide the file, or correct DEPENDENCY_TRACK_CACERT$/,
    );
    await Deno.writeTextFile(caFile, (await Deno.readTextFile(scene.caFile)).slice(0, 200));
    await refused(
      /^Cannot use \S+ca\.crt for TLS to .* is broken: correct the file, or DEPENDENCY_TRACK_CACERT$/,
    );
    assert.deepEqual(scene.track.calls, []);
    await Deno.copyFile(scene.caFile, caFile);
    await upload(scene.track, authorities);
    assert.deepEqual(bomsOf(scene.track), [2]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
