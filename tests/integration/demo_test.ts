/** Runs the demo with the options that the README documents. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { needsBroker, startBroker, takeMessages } from "../fixtures/rabbitmq.ts";
import { makeSbom } from "../demo/sbom.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

async function demo(...args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "demo", ...args],
    cwd: ROOT,
    stdin: "null",
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("the demo runs to the end", async () => {
  const { code, stdout, stderr } = await demo();
  assert.equal(code, 0, stderr);
  assert.match(stdout, /All 6 messages arrived, each exactly once\.\n$/);
  assert.equal(stdout.match(/✓ The message matches the protocol/g)?.length, 6);
});

Deno.test("with --dependency-track the demo also uploads its SBOM to Dependency-Track", async () => {
  const { code, stdout, stderr } = await demo("--dependency-track");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /Projects, from the root to the leaf: \S+ → \S+ → \S+\./);
  assert.match(stdout, /All 6 messages arrived, each exactly once\.\n$/);
});

Deno.test("the demo sends any SBOM, gzipped or not, and rejects other files", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const sbom = { bomFormat: "CycloneDX", specVersion: "1.4", components: [{ name: "one" }] };
    await Deno.writeFile(`${folder}/sbom.json.gz`, new Uint8Array(gzipSync(JSON.stringify(sbom))));
    const { code, stdout } = await demo("--sbom", `${folder}/sbom.json.gz`);
    assert.equal(code, 0);
    assert.match(stdout, /the SBOM, with 1 components/);
    await Deno.writeTextFile(`${folder}/other.json`, "{}");
    const refused = await demo("--sbom", `${folder}/other.json`);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /is not a CycloneDX document/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  ...needsBroker("with --broker the demo's messages go through RabbitMQ and are read back from its queue"),
  fn: async () => {
    await using broker = await startBroker();
    const { code, stdout, stderr } = await demo("--broker", broker.url);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /reads them back from the queue/);
    assert.match(stdout, /All 6 messages arrived, each exactly once\.\n$/);
    assert.deepEqual(await takeMessages(broker), []);
  },
});

Deno.test("the demo's SBOM is up to date (`deno task sbom` writes it)", async () => {
  const read = async (path: string) => JSON.parse(await Deno.readTextFile(`${ROOT}${path}`));
  const made = makeSbom(await read("deno.lock"), await read("deno.json"));
  assert.deepEqual(await read("tests/demo/sbom.cyclonedx.json"), made);
});
