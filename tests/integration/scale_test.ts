/** A small run of what `deno task bench:growth` measures in full: counts, which don't vary, and the memory limit. */
import assert from "node:assert/strict";
import { needsCommands } from "../fixtures/commands.ts";
import { ignoredWithoutApiserver } from "../fixtures/kube_apiserver.ts";
import { CONTAINER_MIB } from "../fixtures/cgroup.ts";
import { startReal } from "../bench/large_cluster.ts";
import { measureScale } from "../bench/start_and_drain.ts";

const NAME = "a start among many namespaces sends no request per namespace whose Secret is valid";

Deno.test({ ...needsCommands(["openssl", "ps"], NAME), fn: measure });

async function measure(): Promise<void> {
  const startedAt = Date.now();
  const { requests: { "get namespaces": namespaceReads = 0, ...requests }, peakMib } = await measureScale({
    namespaces: 1200,
    configMaps: 150,
    kilobytes: 300,
  });
  assert.deepEqual(requests, {
    "list configmaps": 1,
    "list namespaces": 2,
    "list secrets": 2,
    "watch configmaps": 1,
    "watch namespaces": 1,
    "watch secrets": 1,
    "get configmaps": 150,
    "apply configmaps": 150,
  });
  // Once in ten seconds for each of the ten that the ConfigMaps are in, however slow the machine.
  const most = 10 * Math.ceil((Date.now() - startedAt) / 10_000);
  assert.ok(namespaceReads >= 10 && namespaceReads <= most, `${namespaceReads} of at most ${most}`);
  assert.ok(peakMib < CONTAINER_MIB, `${peakMib} MiB`);
}

Deno.test({
  ...ignoredWithoutApiserver(
    "on a real API server, too, the program fits its container during start and drain",
  ),
  fn: async () => {
    const { peakMib } = await measureScale(
      { namespaces: 200, configMaps: 100, kilobytes: 300 },
      startReal,
    );
    assert.ok(peakMib < CONTAINER_MIB, `${peakMib} MiB`);
  },
});
