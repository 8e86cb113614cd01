/** The program on a developer's machine: which clusters it refuses, and what `deno task dev` sets. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { startApiServer } from "../fixtures/api_server/mod.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { runIn } from "../fixtures/commands.ts";
import { kubeconfigText } from "../fixtures/kubeconfig.ts";
import { startLocalRun } from "../fixtures/local_run.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { until } from "../fixtures/until.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TOKEN = "local-run-token";
const ENV = { INSIGHTS_LOCAL: "true", RABBITMQ_ENABLED: "false" };

/** Another address of the same server, which does not look local. */
function remoteLooking(url: string): string {
  return url.replace("127.0.0.1", "[::ffff:127.0.0.1]");
}

Deno.test("a context that does not look local is refused in one line with code 1, without any request", async () => {
  await using api = startApiServer({ token: TOKEN });
  const server = remoteLooking(api.url);
  await using run = await startLocalRun({
    task: "start",
    kubeconfig: kubeconfigText(server, TOKEN),
    env: ENV,
  });
  await assert.rejects(run.program.untilReady(), /did not become ready/);
  assert.equal(await run.program.stop(), 1);
  const refusal = run.program.log().split("\n").filter((line) => line.startsWith("insights-remote: "));
  assert.equal(refusal.length, 1);
  assert.ok(refusal[0]?.includes(`Cannot use context "only" as its server ${server} does not look local`));
  assert.deepEqual(api.requests, []);
});

Deno.test("a context that does not look local is used with ALLOW_REMOTE_CONTEXT", async () => {
  await using api = startApiServer({ token: TOKEN });
  await using run = await startLocalRun({
    task: "start",
    kubeconfig: kubeconfigText(remoteLooking(api.url), TOKEN),
    env: { ...ENV, ALLOW_REMOTE_CONTEXT: "true" },
  });
  await run.program.untilReady();
});

Deno.test("`deno task dev` prints messages, logs plain text and its port, and leaves no process after Ctrl-C", async () => {
  await using api = startApiServer({ token: TOKEN });
  using cluster = new TestCluster({ url: api.url, token: TOKEN });
  await cluster.createNamespace("proj-main", LAGOON_NAMESPACE_LABELS);
  await using run = await startLocalRun({ task: "dev", kubeconfig: kubeconfigText(api.url, TOKEN) });
  await run.program.untilReady();
  const { metadata: { name } } = await cluster.create("configmaps", "proj-main", sbomConfigMap());
  await cluster.until("configmaps", "proj-main", name, (object) => isProcessed(object?.metadata));
  assert.deepEqual((await run.untilPrinted(1)).map(({ type }) => type), ["sbom"]);
  const log = run.program.log();
  assert.match(log, /Watcher.*Process started/);
  assert.match(log, /^time=\S+ level=info logger=insights-remote msg=Started /m);
  assert.ok(log.includes(` web=${new URL(run.program.webUrl).port} `));
  const processes = await descendants(run.program.pid);
  assert.ok(processes.length >= 1);
  await run.program.stop();
  // SIGCONT has no effect on a process that runs, and fails without one.
  for (const pid of processes) assert.throws(() => Deno.kill(pid, "SIGCONT"), Deno.errors.NotFound);
});

Deno.test("`deno task dev` restarts when a file changes that only the Worker loads", async () => {
  await using api = startApiServer({ token: TOKEN });
  const root = await Deno.makeTempDir({ prefix: "source-" });
  try {
    await runIn(ROOT, "cp", [
      "-r",
      "main.ts",
      "deno.json",
      "deno.lock",
      "lib",
      "controllers",
      "routes",
      "docs",
      root,
    ]);
    await using run = await startLocalRun({ task: "dev", kubeconfig: kubeconfigText(api.url, TOKEN), root });
    await run.program.untilReady();
    await Deno.writeTextFile(`${root}/routes/mod.ts`, "// Changed.\n", { append: true });
    await until("it is started again", () => run.program.log().match(/ msg=Started /g)?.length === 2);
    await run.program.untilReady();
    assert.match(run.program.log(), / msg=Stopped.*routes\/mod\.ts.* msg=Started /s);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("`deno task dev` sends to a broker if the variables configure one", async () => {
  await using api = startApiServer({ token: TOKEN });
  await using run = await startLocalRun({
    task: "dev",
    kubeconfig: kubeconfigText(api.url, TOKEN),
    // Nothing listens there.
    env: { RABBITMQ_ENABLED: "true", RABBITMQ_ADDRESS: "127.0.0.1:1", ZAP_DEVEL: "false" },
  });
  await run.untilLogged('"message":"Broker');
});

function isProcessed(metadata: { readonly labels?: Record<string, string> } | undefined): boolean {
  return metadata?.labels?.["lagoon.sh/insightsProcessed"] === "true";
}

async function descendants(pid: number): Promise<number[]> {
  const { stdout } = await new Deno.Command("pgrep", { args: ["-P", String(pid)] }).output();
  return new TextDecoder().decode(stdout).trim().split("\n").map(Number);
}
