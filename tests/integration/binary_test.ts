/**
 * The compiled binary. Its real runtime (denort) would have to be downloaded, so Deno stands in for it: the
 * result has the right contents but cannot run. Deno runs the bundle instead.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import denoJson from "../../deno.json" with { type: "json" };
import { issueToken } from "../../lib/tokens.ts";
import { bundleArguments, flagsOf, makeBundle } from "../fixtures/bundle.ts";
import { freePorts } from "../fixtures/ports.ts";
import { startProgram, WITHOUT_CLUSTER } from "../fixtures/program.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SECRET = "the-secret-of-the-binary-test";
/** Size limits for the files in the binary, and for the part of them that a pod loads. */
const MAX_MEGABYTES = 5;
const MAX_MEGABYTES_IN_POD = 2;

const FLAGS = flagsOf("compile");

let folder = "";
Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir();
});
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

async function deno(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

let bundled: Promise<string> | undefined;

async function bundleCommand(...args: readonly string[]): Promise<string[]> {
  return bundleArguments(await (bundled ??= makeBundle(folder)), ...args);
}

Deno.test("the binary has the same flags as the program that runs from source", () => {
  assert.deepEqual(FLAGS, flagsOf("start"));
  const permissions = FLAGS.filter((flag) => /^(?:--(?:allow|permission)|-[A-Z])/.test(flag));
  assert.deepEqual(permissions, ["--allow-net", "--allow-read", "--allow-env"]);
});

Deno.test("the binary contains everything it needs, and stays small", async () => {
  const output = `${folder}/insights-remote`;
  const entry = await (bundled ??= makeBundle(folder));
  const args = ["compile", "--exclude-unused-npm", "--no-check", ...FLAGS, "--output", output, entry];
  const { code, stdout, stderr } = await deno(args, { DENORT_BIN: Deno.execPath() });
  assert.equal(code, 0, stderr);
  const [, megabytes] = /^Files: ([\d.]+)MB$/m.exec(stdout + stderr) ?? [];
  assert.ok(Number(megabytes) > 1 && Number(megabytes) < MAX_MEGABYTES, stdout + stderr);
  const { size } = await Deno.stat(output);
  const { size: runtimeSize } = await Deno.stat(Deno.execPath());
  const embedded = await tail(output, size - runtimeSize);
  // The program itself is also the Worker's entry; the API description is loaded on demand.
  for (
    const part of [
      "DedicatedWorkerGlobalScope",
      "insights-remote permissions",
      "/problems/{source}/{service}",
    ]
  ) {
    assert.ok(embedded.includes(part), part);
  }
  assert.ok(!embedded.includes("node_modules/amqplib"));
});

Deno.test("a pod loads a part of the bundle that does not contain the Kubernetes client", async () => {
  const all = new URL(".", `file://${await (bundled ??= makeBundle(folder))}`);
  await Deno.mkdir(`${folder}/pod/bundle`, { recursive: true });
  const isClient = (text: string) => text.includes("loadFromClusterAndUser");
  const texts = new Map<string, string>();
  for await (const { name } of Deno.readDir(all)) {
    texts.set(name, await Deno.readTextFile(new URL(name, all)));
  }
  const inPod = [...texts].filter(([, text]) => !isClient(text));
  assert.equal(texts.size - inPod.length, 1);
  const bytes = inPod.reduce((sum, [, text]) => sum + text.length, 0);
  assert.ok(bytes < MAX_MEGABYTES_IN_POD * 1e6, `${bytes} bytes`);
  for (const [name, text] of inPod) await Deno.writeTextFile(`${folder}/pod/bundle/${name}`, text);
  const env = { INSIGHTS_TOKEN_SECRET: SECRET, KUBERNETES_SERVICE_PORT: "443" };
  const command = bundleArguments(`${folder}/pod/bundle/main.js`, "permissions");
  const { stdout } = await deno(command, { ...env, KUBERNETES_SERVICE_HOST: "10.0.0.1" });
  assert.ok(JSON.parse(stdout).net.includes("10.0.0.1:443"));
  const { stderr } = await deno(command, { ...env, KUBERNETES_SERVICE_HOST: "" });
  assert.match(stderr, /^insights-remote: .*Module not found/m);
});

async function tail(path: string, length: number): Promise<string> {
  using file = await Deno.open(path);
  await file.seek(-length, Deno.SeekMode.End);
  return await new Response(file.readable).text();
}

Deno.test("the bundle serves posts and its API description, sends messages, and exits with 0 on SIGTERM", async () => {
  const [webPort = 0, healthPort = 0] = freePorts(2);
  const program = startProgram({
    webPort,
    healthPort,
    command: await bundleCommand(),
    env: {
      ...WITHOUT_CLUSTER,
      INSIGHTS_TOKEN_SECRET: SECRET,
      RABBITMQ_ENABLED: "false",
      // Room for one request at a time: the next one needs the slot that the last one released.
      WEBSERVICE_MAX_IN_FLIGHT: "2",
    },
  });
  const printed = new Response(program.stdout).text();
  await program.untilReady();
  const description = await fetch(`${program.webUrl}/openapi.json`);
  assert.equal((await description.json()).openapi, "3.1.0");
  const names = { projectName: "proj", environmentName: "main" };
  const authorization = issueToken(SECRET, { namespace: "proj-main", environmentId: "3", ...names });
  const body = JSON.stringify([{ name: "a", value: "b", source: "s" }]);
  for (let count = 0; count < 3; count++) {
    const response = await fetch(`${program.webUrl}/facts`, {
      method: "POST",
      headers: { authorization },
      body,
    });
    assert.deepEqual([response.status, await response.json()], [200, { message: "okay" }]);
  }
  assert.equal(await program.stop(), 0);
  const messages = (await printed).trimEnd().split("\n");
  assert.deepEqual(messages.map((message) => JSON.parse(message).type), Array(3).fill("direct.facts"));
});

Deno.test("the bundle supports --version, --help, permissions and --generate-token-only, and rejects invalid options", async () => {
  const env = {
    INSIGHTS_TOKEN_SECRET: SECRET,
    RABBITMQ_ENABLED: "false",
    KUBERNETES_SERVICE_HOST: "10.0.0.1",
  };
  const run = async (...args: string[]) =>
    await deno(await bundleCommand(...args), { ...env, KUBERNETES_SERVICE_PORT: "443" });
  assert.deepEqual(await run("--version"), {
    code: 0,
    stdout: `insights-remote ${denoJson.version}\n`,
    stderr: "",
  });
  assert.match((await run("--help")).stdout, /^insights-remote forwards [^]*--webservice-port/);
  assert.deepEqual(JSON.parse((await run("permissions")).stdout).read, [
    "/var/run/secrets/kubernetes.io/serviceaccount",
  ]);
  const named = ["namespace=proj-main", "environment-id=3", "project-name=proj", "environment-name=main"];
  const flags = named.map((flag) => `--generate-token-only-${flag}`);
  const { stdout } = await run("--generate-token-only", ...flags);
  assert.equal(
    stdout,
    `${
      issueToken(SECRET, {
        namespace: "proj-main",
        environmentId: "3",
        projectName: "proj",
        environmentName: "main",
      })
    }\n`,
  );
  const bad = await run("--webservice-port=x");
  assert.deepEqual([bad.code, bad.stdout], [2, ""]);
  assert.match(bad.stderr, /^insights-remote: --webservice-port: [^\n]*\n$/);
});
