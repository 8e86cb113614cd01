import assert from "node:assert/strict";
import type { RunCommand } from "../../../lib/command.ts";
import type { KubeContext } from "../../../lib/kube/kubeconfig.ts";
import { kubeconfigAccess } from "../../../lib/kube/kubeconfig_access.ts";
import { ManualClock } from "../../fixtures/clock.ts";

const PLUGIN = {
  apiVersion: "client.authentication.k8s.io/v1",
  command: "login",
  args: [],
  env: {},
  installHint: "",
  clusterInfo: undefined,
};

/** Access with a plugin that gives `token-1`, `token-2`, and so on, each for ten minutes. */
function setUp(parts: Partial<KubeContext>, run?: RunCommand) {
  const clock = new ManualClock();
  const files: Record<string, string> = {};
  let asked = 0;
  const access = kubeconfigAccess({
    name: "one",
    server: "https://127.0.0.1:1",
    namespace: "lagoon",
    ca: undefined,
    token: undefined,
    certificate: undefined,
    exec: undefined,
    ...parts,
  }, {
    clock,
    readTextFile: (path) => {
      const text = files[path];
      return text === undefined ? Promise.reject(new Error("no such file")) : Promise.resolve(text);
    },
    runCommand: run ?? (() => {
      const status = {
        token: `token-${++asked}`,
        expirationTimestamp: new Date(clock.now() + 600_000).toISOString(),
      };
      const credential = { apiVersion: PLUGIN.apiVersion, kind: "ExecCredential", status };
      return Promise.resolve({ code: 0, stdout: JSON.stringify(credential), stderr: "" });
    }),
  });
  return { access, clock, files, asked: () => asked, [Symbol.dispose]: () => access.close() };
}

Deno.test("kubeconfigAccess() uses server, namespace and token of the context", async () => {
  using scene = setUp({ token: { text: "abc" } });
  assert.equal(scene.access.server, "https://127.0.0.1:1");
  assert.equal(await scene.access.namespace(), "lagoon");
  assert.deepEqual(await scene.access.headers(), { authorization: "Bearer abc" });
});

Deno.test("kubeconfigAccess() sends no header without a token", async () => {
  using scene = setUp({});
  assert.deepEqual(await scene.access.headers(), {});
});

Deno.test("kubeconfigAccess() reads a token's file again after a minute", async () => {
  using scene = setUp({ token: { file: "/token" } });
  scene.files["/token"] = "first\n";
  assert.deepEqual(await scene.access.headers(), { authorization: "Bearer first" });
  scene.files["/token"] = "second\n";
  await scene.clock.advance(60_000);
  assert.deepEqual(await scene.access.headers(), { authorization: "Bearer second" });
});

Deno.test("kubeconfigAccess() says which file it can't read", async () => {
  using scene = setUp({ ca: { file: "/ca" } });
  await assert.rejects(scene.access.httpClient(), {
    code: "kubeconfig",
    message: "Cannot read /ca, which the kubeconfig names",
  });
});

Deno.test("kubeconfigAccess() asks a plugin once, and again when its credentials have ended", async () => {
  using scene = setUp({ exec: PLUGIN });
  const [headers] = await Promise.all([
    scene.access.headers(),
    scene.access.headers(),
    scene.access.httpClient(),
  ]);
  assert.deepEqual(headers, { authorization: "Bearer token-1" });
  await scene.clock.advance(599_999);
  assert.deepEqual(await scene.access.headers(), { authorization: "Bearer token-1" });
  assert.equal(scene.asked(), 1);
  await scene.clock.advance(1);
  assert.deepEqual(await scene.access.headers(), { authorization: "Bearer token-2" });
});

Deno.test("kubeconfigAccess() asks a plugin again when the server refused its credentials", async () => {
  using scene = setUp({ exec: PLUGIN });
  await scene.access.headers();
  scene.access.invalidate();
  assert.deepEqual(await scene.access.headers(), { authorization: "Bearer token-2" });
  assert.deepEqual(await scene.access.headers(), { authorization: "Bearer token-2" });
});

Deno.test("kubeconfigAccess() asks no plugin where there is a token", async () => {
  using scene = setUp({ exec: PLUGIN, token: { text: "abc" } });
  assert.deepEqual(await scene.access.headers(), { authorization: "Bearer abc" });
  assert.equal(scene.asked(), 0);
});

Deno.test("closing ends a plugin that still runs", async () => {
  const started = Promise.withResolvers<void>();
  const scene = setUp({ exec: PLUGIN }, (_command, _args, _env, { signal }) => {
    started.resolve();
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  const refused = assert.rejects(scene.access.headers(), { code: "exec-plugin" });
  await started.promise;
  scene.access.close();
  await refused;
  assert.equal(scene.clock.pending, 0);
});
