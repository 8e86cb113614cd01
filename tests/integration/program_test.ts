/** The whole program: arguments, exit codes, signals and output. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { issueToken } from "../../lib/tokens.ts";
import { startApiServer } from "../fixtures/api_server/mod.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { kubeconfigText } from "../fixtures/kubeconfig.ts";
import { freePorts } from "../fixtures/ports.ts";
import { type RunningProgram, startProgram } from "../fixtures/program.ts";
import { until } from "../fixtures/until.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SECRET = "the-secret-of-the-program-test";

/** Runs `deno task start` to its end. */
async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "start", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  // The task runner first prints its command.
  return { code, stdout: decode(stdout), stderr: decode(stderr).replace(/^Task start .*\n/, "") };
}

/** Starts the program with a kubeconfig for an embedded API server. */
async function start(env: Readonly<Record<string, string>> = {}) {
  const api = startApiServer({ token: "program-token" });
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/kubeconfig`, kubeconfigText(api.url, "program-token"));
  const [webPort = 0, healthPort = 0, metricsPort = 0] = freePorts(3);
  const program = startProgram({
    webPort,
    healthPort,
    env: {
      KUBECONFIG: `${folder}/kubeconfig`,
      KUBERNETES_SERVICE_HOST: "",
      INSIGHTS_TOKEN_SECRET: SECRET,
      RABBITMQ_ENABLED: "false",
      METRICS_BIND_ADDRESS: `127.0.0.1:${metricsPort}`,
      METRICS_SECURE: "false",
      ...env,
    },
  });
  return {
    program,
    api,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    output: new Response(program.stdout).text(),
    [Symbol.asyncDispose]: async () => {
      await program.stop();
      await api[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function post(program: RunningProgram, token: string): Promise<number> {
  const body = JSON.stringify([{ name: "a", value: "b", source: "s" }]);
  const response = await fetch(`${program.webUrl}/facts`, {
    method: "POST",
    headers: { authorization: token },
    body,
  });
  await response.body?.cancel();
  return response.status;
}

const environment = {
  namespace: "proj-main",
  environmentId: "3",
  projectName: "proj",
  environmentName: "main",
};

Deno.test("the program prints only messages to standard output, and exits with code 0 after SIGTERM", async () => {
  await using running = await start();
  await running.program.untilReady();
  assert.equal(await post(running.program, issueToken(SECRET, environment)), 200);
  assert.equal(await post(running.program, issueToken("another-secret-than-that", environment)), 401);
  assert.equal(await running.program.stop(), 0);
  const lines = (await running.output).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ type, environment }) => [type, environment]), [["direct.facts", 3]]);
  const log = running.program.log().split("\n").filter((line) => line.startsWith("{")).map((line) =>
    JSON.parse(line)
  );
  const messages = log.map(({ message }) => message).filter((message) => message !== "Request refused");
  // Lists and servers start at the same time.
  assert.deepEqual(messages.filter((message) => message !== "Listed"), [
    "Starting",
    "Started",
    "Stopping",
    "Stopped",
  ]);
  assert.equal(messages.length, 4 + 3);
  assert.ok(!running.program.log().includes(SECRET));
});

Deno.test("a signal that arrives twice at once counts once", async () => {
  await using running = await start();
  await running.program.untilReady();
  running.program.signal("SIGINT");
  assert.equal(await running.program.stop(), 0);
});

Deno.test("a second signal, a moment later, ends the program immediately", async () => {
  await using running = await start();
  await running.program.untilReady();
  // An incomplete request delays the exit by 10 seconds.
  using slow = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(new URL(running.program.webUrl).port),
  });
  const head = ["POST /facts HTTP/1.1", "Host: a", `Authorization: ${issueToken(SECRET, environment)}`];
  await slow.write(new TextEncoder().encode([...head, "Content-Length: 100", "", "["].join("\r\n")));
  const { program } = running;
  const signals = setInterval(() => program.signal("SIGTERM"), 100);
  const { code } = await program.status.finally(() => clearInterval(signals));
  assert.equal(code, 1);
  assert.ok(!running.program.log().includes('"Stopped"'));
});

Deno.test("the metrics include the watches and the broker", async () => {
  await using running = await start();
  await running.program.untilReady();
  const text = await (await fetch(running.metricsUrl)).text();
  for (const watch of ["configmaps", "namespaces", "secrets"]) {
    assert.match(
      text,
      new RegExp(`^insights_remote_watch_silence_seconds\\{watch="${watch}-watch"\\} [0-9.]+$`, "m"),
    );
  }
  assert.match(text, /^insights_remote_broker_ready\{broker="rabbitmq"\} 1$/m);
});

Deno.test("a leader whose Lease somebody else takes stops with code 1, so that the kubelet restarts it", async () => {
  await using running = await start({
    LEADER_ELECT: "true",
    LEADER_ELECT_NAMESPACE: "default",
    HOSTNAME: "pod-1",
  });
  const { program, api } = running;
  const lease = () => api.get("leases", "default", "ac8a682b.lagoon.sh");
  await api.until(() => lease() !== undefined, { timeoutMs: 20_000 });
  await program.untilReady();
  using cluster = new TestCluster({ url: api.url, token: "program-token" });
  await cluster.send("PATCH", "/apis/coordination.k8s.io/v1/namespaces/default/leases/ac8a682b.lagoon.sh", {
    body: { spec: { holderIdentity: "somebody-else" } },
    type: "application/merge-patch+json",
  });
  assert.equal((await program.status).code, 1);
  assert.match(program.log(), /\ninsights-remote: Stopped: the Lease was not renewed in time/);
});

Deno.test("during a rotation, tokens of the previous secret are accepted, too", async () => {
  await using running = await start({ INSIGHTS_TOKEN_PREVIOUS_SECRET: "the-secret-before-that" });
  await running.program.untilReady();
  assert.equal(await post(running.program, issueToken("the-secret-before-that", environment)), 200);
  assert.equal(await post(running.program, issueToken(SECRET, environment)), 200);
});

Deno.test("without a broker the program is not ready, and answers posts with 503 and Retry-After", async () => {
  const [nobody = 0] = freePorts(1);
  await using running = await start({ RABBITMQ_ENABLED: "true", RABBITMQ_ADDRESS: `127.0.0.1:${nobody}` });
  const { program } = running;
  await until("the broker is missed", () => program.log().includes("Broker not reachable"));
  const ready = await fetch(`${program.healthUrl}/readyz`);
  assert.equal(ready.status, 500);
  assert.match(await ready.text(), /^\[-\]broker failed/m);
  const response = await fetch(`${program.webUrl}/facts`, {
    method: "POST",
    headers: { authorization: issueToken(SECRET, environment) },
    body: "[]",
  });
  assert.equal(response.status, 503);
  assert.match(response.headers.get("retry-after") ?? "", /^\d+$/);
  assert.equal((await response.json()).status, "service unavailable");
});

Deno.test("a wrong option is one line on standard error that names it, and exit code 2", async () => {
  const { code, stdout, stderr } = await run([], {
    INSIGHTS_TOKEN_SECRET: SECRET,
    BURN_AFTER_READING: "perhaps",
  });
  assert.equal(code, 2);
  assert.equal(stdout, "");
  assert.match(stderr, /^insights-remote: BURN_AFTER_READING: expected true or false [^\n]*\n$/);
});

Deno.test("a failed start is one line on standard error, and exit code 1", async () => {
  const env = {
    INSIGHTS_TOKEN_SECRET: SECRET,
    KUBERNETES_SERVICE_HOST: "",
    KUBECONFIG: "/nowhere/kubeconfig",
  };
  const { code, stderr } = await run([], env);
  assert.equal(code, 1);
  assert.match(stderr, /^insights-remote: Cannot find the kubeconfig \/nowhere\/kubeconfig\. [^\n]*\n$/);
});

Deno.test("--generate-token-only prints the token and nothing else", async () => {
  const args = ["namespace=proj-main", "environment-id=3", "project-name=proj", "environment-name=main"];
  const flags = ["--generate-token-only", ...args.map((arg) => `--generate-token-only-${arg}`)];
  const { code, stdout } = await run(flags, { INSIGHTS_TOKEN_SECRET: SECRET });
  assert.equal(code, 0);
  assert.equal(stdout, `${issueToken(SECRET, environment)}\n`);
});

Deno.test("--help and --version need no configuration", async () => {
  const help = await run(["--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^insights-remote forwards insights/);
  const { version } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  assert.deepEqual(await run(["-version"]), { code: 0, stdout: `insights-remote ${version}\n`, stderr: "" });
});
