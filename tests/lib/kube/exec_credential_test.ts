import assert from "node:assert/strict";
import type { CommandResult, RunCommand } from "../../../lib/command.ts";
import { runExecPlugin } from "../../../lib/kube/exec_credential.ts";
import type { ExecPlugin } from "../../../lib/kube/kubeconfig.ts";
import { ManualClock } from "../../fixtures/clock.ts";

const PLUGIN: ExecPlugin = {
  apiVersion: "client.authentication.k8s.io/v1",
  command: "login",
  args: ["--client-secret", "given-secret"],
  env: { LOGIN_PASSWORD: "given-password" },
  installHint: "",
  clusterInfo: undefined,
};
const CLUSTER = { server: "https://127.0.0.1:1", ca: "the CA" };

function answer(status: unknown, fields: Record<string, unknown> = {}): CommandResult {
  const credential = { apiVersion: PLUGIN.apiVersion, kind: "ExecCredential", status, ...fields };
  return { code: 0, stdout: JSON.stringify(credential), stderr: "" };
}

/** Runs a plugin that answers so. */
function ask(result: CommandResult, plugin: Partial<ExecPlugin> = {}) {
  const calls: Parameters<RunCommand>[] = [];
  const run: RunCommand = (...call) => {
    calls.push(call);
    return Promise.resolve(result);
  };
  const clock = new ManualClock();
  const credential = runExecPlugin({ ...PLUGIN, ...plugin }, CLUSTER, {
    run,
    clock,
    signal: new AbortController().signal,
  });
  return { credential, calls, clock };
}

Deno.test("runExecPlugin() gives a token and when it ends", async () => {
  const { credential, clock } = ask(answer({ token: "abc", expirationTimestamp: "2026-11-23T10:00:00Z" }));
  assert.deepEqual(await credential, {
    token: "abc",
    certificate: undefined,
    expiresAt: Date.parse("2026-11-23T10:00:00Z"),
  });
  assert.equal(clock.pending, 0);
});

Deno.test("runExecPlugin() gives a certificate", async () => {
  const { credential } = ask(answer({ clientCertificateData: "cert", clientKeyData: "key" }));
  assert.deepEqual(await credential, {
    token: undefined,
    certificate: { cert: "cert", key: "key" },
    expiresAt: undefined,
  });
});

Deno.test("runExecPlugin() runs the command as the kubeconfig says, and tells it what it may know", async () => {
  const { credential, calls } = ask(answer({ token: "abc" }));
  await credential;
  const [command, args, env] = calls[0]!;
  const { KUBERNETES_EXEC_INFO = "", ...others } = env;
  assert.deepEqual([command, args, others], [PLUGIN.command, PLUGIN.args, PLUGIN.env]);
  assert.deepEqual(JSON.parse(KUBERNETES_EXEC_INFO), {
    apiVersion: PLUGIN.apiVersion,
    kind: "ExecCredential",
    spec: { interactive: false },
  });
});

Deno.test("runExecPlugin() tells of the cluster when the kubeconfig wants it", async () => {
  const { credential, calls } = ask(answer({ token: "abc" }), {
    clusterInfo: { config: { region: "here" } },
  });
  await credential;
  const { spec } = JSON.parse(calls[0]![2]["KUBERNETES_EXEC_INFO"]!);
  assert.deepEqual(spec.cluster, {
    server: CLUSTER.server,
    "certificate-authority-data": btoa("the CA"),
    config: { region: "here" },
  });
});

Deno.test("runExecPlugin() says why there are no credentials, and nothing that the plugin printed for us", async () => {
  const token = "s3cret";
  const wrong: readonly (readonly [CommandResult, string])[] = [
    [{ failure: "not-found" }, "it is not installed"],
    [{ failure: "not-allowed" }, "this program may not run commands here: `deno task dev` may"],
    [{ code: 3, stdout: token, stderr: "" }, "it ended with code 3: it said nothing"],
    [{ code: 3, stdout: token, stderr: "first\nno session\n" }, "it ended with code 3: no session"],
    [{ code: 0, stdout: token, stderr: "" }, `it must print an ExecCredential of ${PLUGIN.apiVersion}`],
    [{ code: 0, stdout: "null", stderr: "" }, `it must print an ExecCredential of ${PLUGIN.apiVersion}`],
    [
      answer({ token }, { apiVersion: "client.authentication.k8s.io/v1beta1" }),
      `it must print an ExecCredential of ${PLUGIN.apiVersion}`,
    ],
    [answer(undefined), "it must print a token or a certificate"],
    [answer({ token: 1 }), "it must print a token or a certificate"],
    [answer({ token, clientKeyData: token }), "it must print both a certificate and its key, or neither"],
    [answer({ token, expirationTimestamp: "soon" }), "its expirationTimestamp must be a time in RFC 3339"],
  ];
  for (const [result, why] of wrong) {
    await assert.rejects(ask(result).credential, {
      code: "exec-plugin",
      message: `Cannot get credentials from the kubeconfig's command login as ${why}`,
    });
  }
});

Deno.test("runExecPlugin() tells how to install a plugin that is missing", async () => {
  const { credential } = ask({ failure: "not-found" }, { installHint: "brew install login\n" });
  await assert.rejects(credential, { message: /as it is not installed: brew install login$/ });
});

Deno.test("runExecPlugin() hides what could be a secret in a plugin's complaint", async () => {
  const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl";
  const stderr =
    `refused: ${token} of given-secret with given-password in /home/somebody/.config/login/cache`;
  await assert.rejects(ask({ code: 1, stdout: "", stderr }).credential, {
    message:
      /: refused: \(hidden\) of \(hidden\) with \(hidden\) in \/home\/somebody\/\.config\/login\/cache$/,
  });
  await assert.rejects(ask({ code: 1, stdout: "", stderr: "no ".repeat(500) }).credential, (error: Error) => {
    assert.ok(error.message.length < 400);
    return true;
  });
});

Deno.test("runExecPlugin() ends a plugin that takes longer than 30 seconds", async () => {
  const clock = new ManualClock();
  const run: RunCommand = (_command, _args, _env, { signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  const asked = runExecPlugin(PLUGIN, CLUSTER, { run, clock, signal: new AbortController().signal });
  const refused = assert.rejects(asked, { code: "exec-plugin", message: /as it did not end within 30 s$/ });
  await clock.advance(30_000);
  await refused;
});
