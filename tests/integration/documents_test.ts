/** The documents of ConfigMaps, through the whole program in a container's memory. */
import assert from "node:assert/strict";
import { startApiServer } from "../fixtures/api_server/mod.ts";
import { flagsOf, mallocSettings } from "../fixtures/bundle.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { needsCommands } from "../fixtures/commands.ts";
import { assertAcceptable } from "../fixtures/handler_rules.ts";
import { LAGOON_NAMESPACE_LABELS, SBOM_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { createPod } from "../fixtures/pod.ts";
import { freePorts } from "../fixtures/ports.ts";
import { programMemory } from "../fixtures/process_memory.ts";
import { startProgram } from "../fixtures/program.ts";
import { OLD_METADATA, sbom, type SbomOptions, sbomText } from "../fixtures/sboms.ts";
import { createSelfSigned } from "../../lib/tls/self_signed.ts";
import { isProcessed } from "../fixtures/track_program.ts";

const NAME = "documents that unpack to 20 MB are checked and repaired, several at once, in little memory";
/** Leaves a container of 128 MiB room for its other work. */
const MOST_MIB = 85;
/** A machine that is busy with other tests. */
const LIMIT_MS = 60_000;

const SIZE: SbomOptions = { components: 19_000, paddingBytes: 850 };
const DOCUMENTS: Readonly<Record<string, SbomOptions>> = {
  "good-first": {},
  "good-last": { metadataLast: true },
  "old-first": { metadata: OLD_METADATA },
  "old-last": { metadata: OLD_METADATA, metadataLast: true },
};

Deno.test({
  ...needsCommands(["ps", "grep"], NAME),
  fn: async () => {
    assert.ok(sbomText(SIZE).length > 20_000_000);
    await using parts = new AsyncDisposableStack();
    const token = crypto.randomUUID();
    const certificate = createSelfSigned("localhost", Date.now());
    const caCertificate = certificate.certificate;
    const { url } = parts.use(startApiServer({ token, tls: certificate }));
    const cluster = parts.use(new TestCluster({ url, token, caCertificate }));
    const pod = parts.use(await createPod({ url, token, caCertificate }));
    await cluster.createNamespace("main", { ...LAGOON_NAMESPACE_LABELS });
    const [webPort = 0, healthPort = 0] = freePorts(2);
    const program = parts.use(startProgram({
      webPort,
      healthPort,
      command: ["run", ...flagsOf("start"), "main.ts"],
      env: {
        ...mallocSettings(),
        ...pod.env,
        SHUTDOWN_DELAY: "0",
        INSIGHTS_TOKEN_SECRET: crypto.randomUUID(),
        RABBITMQ_ENABLED: "false",
        CONFIGMAP_RECONCILER_MAX_CONCURRENT: "4",
      },
      isContained: true,
    }));
    const printed = new Response(program.stdout).text();
    await program.untilReady();
    const names: string[] = [];
    for (const [name, options] of Object.entries(DOCUMENTS)) {
      const packed = sbom({ ...SIZE, ...options });
      assert.ok(packed.length < 950_000, `${packed.length} bytes`);
      const binaryData = { "sbom.json.gz": packed.toString("base64") };
      for (const copy of [1, 2]) {
        const labels = { ...SBOM_LABELS, "lagoon.sh/service": name };
        names.push(`${name}-${copy}`);
        await cluster.create(
          "configmaps",
          "main",
          sbomConfigMap({ name: `${name}-${copy}`, labels, binaryData }),
        );
      }
    }
    for (const name of names) await cluster.until("configmaps", "main", name, isProcessed, LIMIT_MS);
    const memory = await programMemory(program);
    assert.ok(memory.peak < MOST_MIB, JSON.stringify(memory));
    assert.equal(program.cgroup?.kills() ?? 0, 0);
    await program.stop();
    const lines = (await printed).trim().split("\n");
    assert.equal(lines.length, names.length);
    for (const line of lines) assertAcceptable(new TextEncoder().encode(line));
  },
});
