/** Hostile code with the permissions of the service can do nothing else, and the service works with them. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parseCommand } from "../../lib/config/cli.ts";
import { servicePermissions } from "../../lib/sandbox/permissions.ts";
import type { FromService, ToService } from "../../lib/sandbox/messages.ts";
import { issueToken } from "../../lib/tokens.ts";
import { flagsOf } from "../fixtures/bundle.ts";
import { freePorts } from "../fixtures/ports.ts";

const SECRET = "the-secret-of-the-sandbox-test";
const FIXTURES = new URL("../fixtures/", import.meta.url);
const ENTRY = new URL("hostile_service.ts", FIXTURES).href;

/**
 * What the service may do with a broker and a ServiceAccount. Links are followed, because Kubernetes mounts Secrets with
 * them; the service can create none.
 */
const PERMITTED = ["a permitted file", "a link in the permitted folder"];

type Report = FromService | { kind: "hostile" } | { kind: "tried"; ends: Record<string, string> };

Deno.test("hostile code in the service reaches only what the service needs, and the service still works", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/account`);
  for (const name of ["account/token", "other"]) await Deno.writeTextFile(`${folder}/${name}`, "x");
  await Deno.symlink("/etc/hostname", `${folder}/account/link`);
  using elsewhere = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [port = 0, brokerPort = 0] = freePorts(2);
  const variables: Readonly<Record<string, string>> = {
    INSIGHTS_TOKEN_SECRET: SECRET,
    WEBSERVICE_PORT: String(port),
    HEALTH_PROBE_BIND_ADDRESS: "0",
    RABBITMQ_ADDRESS: `127.0.0.1:${brokerPort}`,
    ENABLE_CONFIGMAP_RECONCILER: "false",
    ENABLE_NAMESPACE_RECONCILER: "false",
    ZAP_LOG_LEVEL: "error",
  };
  const command = parseCommand([], (name) => variables[name]);
  assert.equal(command.kind, "serve");
  const { config } = command;
  const permissions = servicePermissions(config, {
    kind: "service-account",
    directory: `${folder}/account`,
    host: "127.0.0.1",
    port: "6443",
  });
  const worker = new Worker(ENTRY, {
    type: "module",
    deno: { permissions: permissions as Deno.PermissionOptions },
  });
  try {
    const next = listen(worker);
    assert.deepEqual(await next(), { kind: "hostile" });
    worker.postMessage({ elsewhere: elsewhere.addr.port, folder });
    const tried = await next();
    assert.equal(tried.kind, "tried");
    for (const [name, end] of Object.entries(tried.ends)) {
      assert.equal(end, PERMITTED.includes(name) ? "done" : "NotCapable", name);
    }
    assert.deepEqual(await next(), { kind: "listening" });
    const send = (message: ToService) => worker.postMessage(message);
    send({ kind: "start", start: { config, cluster: undefined, version: "test", description: {} } });
    assert.equal(await untilAnswered(port), 503);
    send({ kind: "stop" });
    assert.deepEqual(await next(), { kind: "stopped" });
  } finally {
    worker.terminate();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("from source, a Worker without permissions still reaches the package registry and writes to DENO_DIR", async () => {
  // The fourth case is what docs/security.md advises. No folder can be made below a device.
  for (const isCachedOnly of [false, true]) {
    for (const isWritable of [true, false]) {
      const { asked, wrote } = await tryImports({ isCachedOnly, isWritable });
      assert.equal(wrote, isWritable, `--cached-only ${isCachedOnly}, writable ${isWritable}`);
      if (isCachedOnly) assert.equal(asked, false);
      else if (isWritable) assert.equal(asked, true);
    }
  }
});

/** Whether the registry was asked for a package, and the web's cache was written. */
async function tryImports({ isCachedOnly, isWritable }: { isCachedOnly: boolean; isWritable: boolean }) {
  const folder = await Deno.makeTempDir();
  let asked = false;
  await using registry = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    asked = true;
    return new Response(null, { status: 404 });
  });
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-config", "--no-prompt", "--unstable-worker-options", ...flagsOf("start")]
      .filter((flag) => !flag.startsWith("--v8-flags"))
      .concat(isCachedOnly ? ["--cached-only"] : [], fileURLToPath(new URL("hostile_imports.ts", FIXTURES))),
    env: {
      DENO_DIR: isWritable ? folder : "/dev/null/deno",
      NPM_CONFIG_REGISTRY: `http://127.0.0.1:${registry.addr.port}`,
    },
    stderr: "null",
  }).output();
  const { cache } = JSON.parse(new TextDecoder().decode(stdout));
  await Deno.remove(folder, { recursive: true });
  return { asked, wrote: cache === "done" };
}

/** Returns a function that waits for the Worker's next message. */
function listen(worker: Worker): () => Promise<Report> {
  const waiting: Report[] = [];
  let wake: (() => void) | undefined;
  worker.onmessage = ({ data }: MessageEvent<Report>) => {
    waiting.push(data);
    wake?.();
  };
  return async () => {
    while (waiting.length === 0) await new Promise<void>((resolve) => wake = resolve);
    return waiting.shift()!;
  };
}

/** The service does not report when its port is open, so this polls. */
async function untilAnswered(port: number): Promise<number> {
  const authorization = issueToken(SECRET, {
    namespace: "proj-main",
    environmentId: "3",
    projectName: "proj",
    environmentName: "main",
  });
  for (let tries = 0;; tries++) {
    try {
      const url = `http://127.0.0.1:${port}/facts/drush`;
      const response = await fetch(url, { method: "DELETE", headers: { authorization } });
      await response.body?.cancel();
      return response.status;
    } catch (error) {
      if (tries > 500) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
