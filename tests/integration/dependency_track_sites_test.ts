/**
 * The program in its sandbox, with servers that sites name: in its own network namespace, where one of them has a public
 * address and names resolve to internal ones.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { needsCommands } from "../fixtures/commands.ts";
import { DependencyTrack } from "../fixtures/dependency_track.ts";
import { isProcessed, packedSbom, startDependencyTrackProgram } from "../fixtures/track_program.ts";

/** Set inside the network namespace. */
const INSIDE = "INSIGHTS_REMOTE_TEST_NETWORK";
/** A public address, which the namespace keeps inside. */
const PUBLIC_ADDRESS = "11.22.33.44";
const HOSTS = `127.0.0.1 localhost inside.site.test\n${PUBLIC_ADDRESS} track.site.test\n`;
const CUSTOM = "dependencytrack.insights.lagoon.sh/custom";
const SITE_KEY = "the-key-of-a-site";

/** Starts a cluster with a site's key, and the program with these allowed hosts. */
async function setUp(allowed: readonly string[]) {
  const scene = await startDependencyTrackProgram({
    DEPENDENCY_TRACK_ALLOWED_HOSTS: allowed.join(),
    DEPENDENCY_TRACK_ALLOW_HTTP: "true",
  });
  const data = { LAGOON_FEATURE_FLAG_INSIGHTS_DEPENDENCY_TRACK_API_KEY: btoa(SITE_KEY) };
  await scene.cluster.create("secrets", "main", { metadata: { name: "lagoon-env" }, type: "Opaque", data });
  return scene;
}

/** An SBOM for a site's server. */
function sbomFor(endpoint: string, name: string) {
  const { metadata, ...rest } = packedSbom(name, gzipSync("{}"));
  return { ...rest, metadata: { ...metadata, annotations: { [`${CUSTOM}-endpoint`]: endpoint } } };
}

if (Deno.env.get(INSIDE) === undefined) {
  Deno.test({
    ...needsCommands(["unshare", "ip", "mount"], "servers that sites name, in their own network namespace"),
    fn: runInside,
  });
} else {
  Deno.test("a site's server with a public address gets the SBOM, with the site's key", async () => {
    await using own = new DependencyTrack({ key: SITE_KEY, hostname: PUBLIC_ADDRESS });
    const host = `track.site.test:${new URL(own.url).port}`;
    await using scene = await setUp([host]);
    await scene.cluster.create("configmaps", "main", sbomFor(`http://${host}`, "nginx"));
    const marked = await scene.cluster.until("configmaps", "main", "nginx", isProcessed);
    assert.equal(marked?.metadata.annotations?.[`${CUSTOM}-status`], "success");
    assert.deepEqual(own.projects.map(({ boms }) => boms.length).filter((count) => count > 0), [1]);
    assert.deepEqual([...new Set(own.calls.map(({ key }) => key))], [SITE_KEY]);
    assert.deepEqual(scene.track.projects.map(({ boms }) => boms.length).filter((count) => count > 0), [1]);
  });

  Deno.test("a name that resolves to an internal address is refused, even if the operator allows it", async () => {
    await using inside = new DependencyTrack({ key: SITE_KEY });
    const host = `inside.site.test:${new URL(inside.url).port}`;
    await using scene = await setUp([host]);
    await scene.cluster.create("configmaps", "main", sbomFor(`http://${host}`, "nginx"));
    const refused = await scene.cluster.until(
      "configmaps",
      "main",
      "nginx",
      (object) => object?.metadata.annotations?.[`${CUSTOM}-status`] === "failure",
    );
    const error = refused?.metadata.annotations?.[`${CUSTOM}-status-error`] ?? "";
    assert.match(error, /inside\.site\.test:\d+ must not be an address of this machine/);
    assert.deepEqual(inside.calls, []);
  });
}

/** Runs this file again in a network namespace that has only loopback, and its own hosts file. */
async function runInside(): Promise<void> {
  const hosts = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(hosts, HOSTS);
    const setUpNetwork =
      `ip link set lo up && ip addr add ${PUBLIC_ADDRESS}/32 dev lo && mount --bind "$0" /etc/hosts && exec "$@"`;
    const permissions = ["net", "read", "write", "env", "run", "sys"].map((name) => `--allow-${name}`);
    const self = fileURLToPath(import.meta.url);
    const test = [Deno.execPath(), "test", "--no-check", "--trace-leaks", ...permissions, self];
    const { success, stdout } = await new Deno.Command("unshare", {
      args: ["--user", "--map-root-user", "--net", "--mount", "sh", "-c", setUpNetwork, hosts, ...test],
      env: { [INSIDE]: "1", NO_COLOR: "1" },
      stdin: "null",
      stderr: "inherit",
    }).output();
    const report = new TextDecoder().decode(stdout);
    assert.ok(success, report);
    assert.match(report, /2 passed/);
  } finally {
    await Deno.remove(hosts);
  }
}
