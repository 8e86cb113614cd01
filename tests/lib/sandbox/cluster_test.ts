import assert from "node:assert/strict";
import { parseCommand } from "../../../lib/config/cli.ts";
import { AppError } from "../../../lib/errors.ts";
import { findCluster } from "../../../lib/sandbox/cluster.ts";

const KUBECONFIG = (server: string) => `
apiVersion: v1
kind: Config
current-context: here
contexts: [{ name: here, context: { cluster: c, user: u } }]
clusters: [{ name: c, cluster: { server: "${server}" } }]
users: [{ name: u, user: { token: t } }]
`;

const WITHOUT_CONTROLLERS = { ENABLE_CONFIGMAP_RECONCILER: "false", ENABLE_NAMESPACE_RECONCILER: "false" };

/** @param kubeconfig Undefined for none. */
function find(env: Readonly<Record<string, string>>, kubeconfig?: string) {
  const variables: Readonly<Record<string, string>> = {
    INSIGHTS_TOKEN_SECRET: "a secret of the test",
    KUBECONFIG: "/home/config",
    ...env,
  };
  const command = parseCommand([], (name) => variables[name]);
  assert.equal(command.kind, "serve");
  return findCluster(command.config, (path) => {
    assert.equal(path, "/home/config");
    if (kubeconfig === undefined) return Promise.reject(new Deno.errors.NotFound());
    return Promise.resolve(kubeconfig);
  });
}

const code = (expected: string) => (error: unknown) => error instanceof AppError && error.code === expected;

Deno.test("In a pod the ServiceAccount counts, whatever kubeconfig there is", async () => {
  const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" };
  assert.deepEqual(await find({ ...env, SERVICE_ACCOUNT_DIRECTORY: "/account" }), {
    kind: "service-account",
    directory: "/account",
    host: "10.0.0.1",
    port: "443",
  });
});

Deno.test("Elsewhere the kubeconfig's context counts, which must look local unless another is allowed", async () => {
  const local = await find({}, KUBECONFIG("https://127.0.0.1:6443"));
  assert.equal(local?.kind === "kubeconfig" && local.context.server, "https://127.0.0.1:6443");
  const remote = KUBECONFIG("https://api.example.com");
  await assert.rejects(find({}, remote), code("remote-context"));
  assert.equal((await find({ ALLOW_REMOTE_CONTEXT: "true" }, remote))?.kind, "kubeconfig");
});

Deno.test("The build scanner alone needs a cluster, too", async () => {
  const env = { ...WITHOUT_CONTROLLERS, ENABLE_BUILD_SCANNING: "true" };
  assert.equal((await find(env, KUBECONFIG("https://127.0.0.1:6443")))?.kind, "kubeconfig");
});

Deno.test("No cluster is looked for when nothing asks one, and metrics say that they do", async () => {
  assert.equal(await find(WITHOUT_CONTROLLERS), undefined);
  assert.equal(
    await find({ ...WITHOUT_CONTROLLERS, METRICS_BIND_ADDRESS: ":8080", METRICS_SECURE: "false" }),
    undefined,
  );
  await assert.rejects(
    find({ ...WITHOUT_CONTROLLERS, METRICS_BIND_ADDRESS: ":8080" }),
    code("metrics-cluster"),
  );
  await assert.rejects(find({}), code("kubeconfig"));
});
