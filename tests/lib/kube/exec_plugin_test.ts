import assert from "node:assert/strict";
import { createExecPlugin } from "../../../lib/kube/exec_plugin.ts";
import { ManualClock } from "../../fixtures/clock.ts";
import { until } from "../../fixtures/until.ts";

const API_VERSION = "client.authentication.k8s.io/v1";
const ENV = [{ name: "LOGIN_PASSWORD", value: "given-password" }];
const CLUSTER = { server: "https://127.0.0.1:1", ca: "the CA", config: { region: "here" } };

/** Runs a shell script as a plugin; its first argument is a secret. */
function run(script: string, fields: Record<string, unknown> = {}, signal = new AbortController().signal) {
  const clock = new ManualClock();
  const description = {
    apiVersion: API_VERSION,
    command: "sh",
    args: ["-c", script, "sh", "given-secret"],
    env: ENV,
    ...fields,
  };
  return { credentials: createExecPlugin(description, clock, Error)(CLUSTER, signal), clock };
}

/** A script that prints a credential. */
const print = (status: unknown, fields: Record<string, unknown> = {}) =>
  `echo '${JSON.stringify({ apiVersion: API_VERSION, kind: "ExecCredential", status, ...fields })}'`;

Deno.test("a plugin returns a token and its expiry", async () => {
  const { credentials, clock } = run(
    print({ token: "abc", expirationTimestamp: "2026-11-23T11:00:00+01:00" }),
  );
  assert.deepEqual(await credentials, {
    ca: "the CA",
    token: "abc",
    certificate: undefined,
    expiresAt: Date.parse("2026-11-23T10:00:00Z"),
  });
  assert.equal(clock.pending, 0);
});

Deno.test("a plugin returns a certificate", async () => {
  assert.deepEqual(await run(print({ clientCertificateData: "cert", clientKeyData: "key" })).credentials, {
    ca: "the CA",
    token: undefined,
    certificate: { cert: "cert", key: "key" },
    expiresAt: undefined,
  });
});

Deno.test("a plugin gets its arguments and variables, those of the program, and what it may know", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const provideClusterInfo of [false, true]) {
      const script =
        `printf '%s|%s|%s|%s' "$1" "$LOGIN_PASSWORD" "$PATH" "$KUBERNETES_EXEC_INFO" > ${folder}/seen`;
      await run(`${script}; ${print({ token: "abc" })}`, { provideClusterInfo }).credentials;
      const [argument, variable, path, info = ""] = (await Deno.readTextFile(`${folder}/seen`)).split("|");
      assert.deepEqual([argument, variable, path], ["given-secret", "given-password", Deno.env.get("PATH")]);
      const { server, config } = CLUSTER;
      const cluster = { server, "certificate-authority-data": btoa("the CA"), config };
      const spec = { interactive: false, ...(provideClusterInfo ? { cluster } : {}) };
      assert.deepEqual(JSON.parse(info), { apiVersion: API_VERSION, kind: "ExecCredential", spec });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the error says why there are no credentials, without what the plugin printed", async () => {
  const token = "s3cret";
  const invalid = `it must print an ExecCredential of ${API_VERSION}: `;
  const pair = "status: expected a token, or a certificate and its key";
  const wrong: readonly (readonly [string, string])[] = [
    [`echo ${token}; exit 3`, "it exited with code 3"],
    [`echo ${token}`, `${invalid}Invalid input: expected object, received undefined`],
    ["echo null", `${invalid}Invalid input: expected object, received null`],
    [
      print({ token }, { apiVersion: "client.authentication.k8s.io/v1beta1" }),
      `${invalid}apiVersion: Invalid input: expected "${API_VERSION}"`,
    ],
    [print(undefined), `${invalid}status: Invalid input: expected object, received undefined`],
    [print({}), `${invalid}${pair}`],
    [print({ token: 1 }), `${invalid}status.token: Invalid input: expected string, received number`],
    [print({ token, clientKeyData: token }), `${invalid}${pair}`],
    [print({ clientCertificateData: token }), `${invalid}${pair}`],
    [
      print({ token, expirationTimestamp: "s3cret" }),
      `${invalid}status.expirationTimestamp: Invalid ISO datetime`,
    ],
  ];
  for (const [script, reason] of wrong) {
    const message = `Cannot get credentials from the exec plugin sh: ${reason}`;
    await assert.rejects(run(script).credentials, { code: "exec-plugin", message });
  }
});

Deno.test("the error says how to install a missing plugin", async () => {
  const { credentials } = run("", { command: "no-such-login", installHint: "brew install login\n" });
  await assert.rejects(credentials, { message: /no-such-login: it is not installed\. brew install login$/ });
});

Deno.test({
  name: "the error says that the program may not run commands",
  permissions: { run: false, read: true },
  fn: () =>
    assert.rejects(run("").credentials, {
      message: "Cannot get credentials from the exec plugin sh: only `deno task dev` may run commands",
    }),
});

Deno.test("a plugin that reads its input gets none", async () => {
  assert.equal((await run(`cat; ${print({ token: "abc" })}`).credentials).token, "abc");
});

/** Runs a plugin until it has written its process id to a file, and gives that id. */
async function start(script: (pidFile: string) => string, signal?: AbortSignal) {
  const folder = await Deno.makeTempDir();
  try {
    const { credentials, clock } = run(script(`${folder}/pid`), {}, signal);
    const rejection = credentials.catch((error) => error);
    const read = () => Deno.readTextFile(`${folder}/pid`).catch(() => "");
    await until("the plugin runs", async () => (await read()).endsWith("\n"));
    return { rejection, clock, pid: Number(await read()) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Waits until a process has ended, and ends it if that takes too long. */
async function untilEnded(pid: number): Promise<void> {
  const isRunning = () => {
    try {
      Deno.kill(pid, "SIGCONT");
      return true;
    } catch {
      return false;
    }
  };
  try {
    await until("the plugin has ended", () => !isRunning());
  } finally {
    if (isRunning()) Deno.kill(pid, "SIGKILL");
  }
}

Deno.test("a plugin is killed after 30 seconds, even one that ignores SIGTERM", async () => {
  const { rejection, clock, pid } = await start((file) => `trap "" TERM; echo $$ > ${file}; exec sleep 600`);
  await clock.advance(30_000);
  assert.match(String(await rejection), /exec plugin sh: it did not finish within 30 s$/);
  await untilEnded(pid);
});

Deno.test("a plugin is killed when the signal aborts", async () => {
  const stop = new AbortController();
  const { rejection, pid } = await start((file) => `echo $$ > ${file}; exec sleep 600`, stop.signal);
  stop.abort();
  assert.ok(await rejection instanceof Error);
  await untilEnded(pid);
});

Deno.test("nothing waits for what a plugin left running", async () => {
  const { rejection, clock, pid } = await start((file) => `sleep 600 & echo $! > ${file}`);
  try {
    await clock.advance(30_000);
    assert.match(String(await rejection), /did not finish within 30 s$/);
  } finally {
    Deno.kill(pid, "SIGKILL");
  }
});
