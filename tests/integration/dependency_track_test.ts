/** The program in its sandbox, with a Dependency-Track. */
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { createCertificates } from "../fixtures/certificates.ts";
import type { TestCluster, TestObject } from "../fixtures/cluster.ts";
import { programMemory } from "../fixtures/process_memory.ts";
import {
  isProcessed,
  packedSbom,
  startDependencyTrackProgram,
  TRACK_KEY,
} from "../fixtures/track_program.ts";

const PRODUCERS_LARGEST = 950_000;
/** Uploading several at once takes long on a busy machine. */
const UPLOAD_LIMIT_MS = 60_000;
/** Leaves a container of 128 MiB room for its other work. */
const MOST_MIB = 85;

/** More than 20 MB, which gzip packs to the largest size that builds leave. */
function largeSbom(): Buffer {
  const line = `{"type":"library","name":"component","version":"1.0.0","description":"${
    "x".repeat(120)
  }","hash":"`;
  const lines: string[] = [];
  for (let count = 0; count < 140_000; count++) lines.push(`${line}${randomBytes(4).toString("hex")}"}`);
  return gzipSync(`{"bomFormat":"CycloneDX","components":[${lines.join(",\n")}]}`);
}

Deno.test("the largest SBOMs that builds leave are uploaded whole, several at once, in little memory", async () => {
  await using scene = await startDependencyTrackProgram({ DEPENDENCY_TRACK_MAX_CONCURRENT: "4" });
  const packed = largeSbom();
  assert.ok(packed.length > 0.8 * PRODUCERS_LARGEST && packed.length < PRODUCERS_LARGEST, `${packed.length}`);
  const names = Array.from({ length: 8 }, (_, index) => `service-${index}`);
  for (const name of names) await scene.cluster.create("configmaps", "main", packedSbom(name, packed));
  for (const name of names) {
    await scene.cluster.until("configmaps", "main", name, isProcessed, UPLOAD_LIMIT_MS);
  }
  const sizes = scene.track.projects.flatMap(({ boms }) => boms.map(({ bytes }) => bytes));
  assert.equal(sizes.length, names.length);
  assert.ok(sizes.every((bytes) => bytes > 20_000_000), `${sizes}`);
  const memory = await programMemory(scene.program);
  assert.ok(memory.peak < MOST_MIB, JSON.stringify(memory));
});

const STATUS = "dependencytrack.insights.lagoon.sh/default-status";

/** Waits for the mark of a failure at the operator's server. */
function untilFailed(cluster: TestCluster, name: string): Promise<TestObject | undefined> {
  const isFailed = (object: TestObject | undefined) => object?.metadata.annotations?.[STATUS] === "failure";
  return cluster.until("configmaps", "main", name, isFailed);
}

/** Waits for a failure, and returns its error. */
async function failure(cluster: TestCluster, name: string): Promise<string> {
  return (await untilFailed(cluster, name))?.metadata.annotations?.[`${STATUS}-error`] ?? "";
}

/** A folder with ca.crt as the kubelet mounts it: symbolic links, one of which an update replaces. */
async function mountCa(parts: AsyncDisposableStack) {
  const folder = await Deno.makeTempDir();
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.symlink("..data/ca.crt", `${folder}/ca.crt`);
  let version = 0;
  async function write(text: string): Promise<void> {
    const data = `..version-${++version}`;
    await Deno.mkdir(`${folder}/${data}`);
    await Deno.writeTextFile(`${folder}/${data}/ca.crt`, text);
    await Deno.symlink(data, `${folder}/..data_tmp`);
    await Deno.rename(`${folder}/..data_tmp`, `${folder}/..data`);
  }
  return { path: `${folder}/ca.crt`, write };
}

async function certificates(parts: AsyncDisposableStack) {
  const folder = await Deno.makeTempDir();
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  return await createCertificates(folder);
}

Deno.test("once its private CA is mounted, a server gets SBOMs without a restart", async () => {
  await using parts = new AsyncDisposableStack();
  const [tls, other] = [await certificates(parts), await certificates(parts)];
  const ca = await mountCa(parts);
  await ca.write(other.caCertificate);
  const scene = parts.use(await startDependencyTrackProgram({ DEPENDENCY_TRACK_CACERT: ca.path }, tls));
  const { cluster, track } = scene;
  await cluster.create("configmaps", "main", packedSbom("before", gzipSync("{}")));
  assert.match(
    await failure(cluster, "before"),
    /^Cannot verify the certificate of .*: set DEPENDENCY_TRACK_CACERT to the CA that signed it$/,
  );
  assert.deepEqual(track.calls, []);
  await ca.write(tls.caCertificate);
  await cluster.create("configmaps", "main", packedSbom("after", gzipSync("{}")));
  await cluster.until("configmaps", "main", "after", isProcessed);
  assert.deepEqual(track.projects.flatMap(({ boms }) => boms.map(({ bytes }) => bytes)), [2]);
  assert.doesNotMatch(scene.program.log(), /gets nothing until/);
});

Deno.test("without the CA a server gets nothing, and the error names the certificate", async () => {
  await using parts = new AsyncDisposableStack();
  const { cluster, track } = parts.use(await startDependencyTrackProgram({}, await certificates(parts)));
  await cluster.create("configmaps", "main", packedSbom("one", gzipSync("{}")));
  assert.match(
    await failure(cluster, "one"),
    /^Cannot verify the certificate of .*: set DEPENDENCY_TRACK_CACERT to the CA that signed it$/,
  );
  assert.deepEqual(track.calls, []);
});

Deno.test("a missing CA file is logged at the start, and delays nothing else", async () => {
  await using parts = new AsyncDisposableStack();
  const tls = await certificates(parts);
  const ca = await mountCa(parts);
  const { cluster, program } = parts.use(
    await startDependencyTrackProgram({ DEPENDENCY_TRACK_CACERT: ca.path }, tls),
  );
  const lines = program.log().split("\n").filter((line) => line.includes("gets nothing until"));
  assert.deepEqual(lines.length, 1);
  const why =
    /Cannot read \S+ca\.crt for TLS to Dependency-Track: .*: provide the file, or correct DEPENDENCY_TRACK_CACERT/;
  assert.match(lines[0] ?? "", why);
  await cluster.create("configmaps", "main", packedSbom("one", gzipSync("{}")));
  assert.match(await failure(cluster, "one"), why);
  const core = "core.insights.lagoon.sh/status";
  await cluster.until(
    "configmaps",
    "main",
    "one",
    (object) => object?.metadata.annotations?.[core] === "success",
  );
});

Deno.test("a server's key is in no log line after any failure", async () => {
  await using scene = await startDependencyTrackProgram({ CONFIGMAP_RECONCILER_MINS_BETWEEN_RETRIES: "1" });
  for (const [name, status] of [["one", 401], ["two", 500], ["three", 302]] as const) {
    scene.track.fault = () => ({ status });
    await scene.cluster.create("configmaps", "main", packedSbom(name, gzipSync("{}")));
    const failed = await untilFailed(scene.cluster, name);
    assert.doesNotMatch(JSON.stringify(failed), new RegExp(TRACK_KEY));
  }
  assert.ok(scene.track.calls.some(({ key }) => key === TRACK_KEY));
  assert.match(scene.program.log(), /answered 401/);
  assert.doesNotMatch(scene.program.log(), new RegExp(TRACK_KEY));
});

Deno.test("a host that the operator does not allow is refused", async () => {
  await using scene = await startDependencyTrackProgram();
  const annotations = { "dependencytrack.insights.lagoon.sh/custom-endpoint": "https://127.0.0.1:1" };
  const { metadata, ...rest } = packedSbom("own", gzipSync("{}"));
  await scene.cluster.create("configmaps", "main", { ...rest, metadata: { ...metadata, annotations } });
  const refused = await scene.cluster.until(
    "configmaps",
    "main",
    "own",
    (object) =>
      object?.metadata.annotations?.["dependencytrack.insights.lagoon.sh/custom-status"] === "failure",
  );
  const error = refused?.metadata.annotations?.["dependencytrack.insights.lagoon.sh/custom-status-error"];
  assert.match(error ?? "", /not allowed in this cluster/);
});
