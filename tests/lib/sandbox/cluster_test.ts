import assert from "node:assert/strict";
import { parseCommand } from "../../../lib/config/cli.ts";
import { AppError } from "../../../lib/errors.ts";
import { findCluster } from "../../../lib/sandbox/cluster.ts";
import { kubeconfigText } from "../../fixtures/kubeconfig.ts";

const WITHOUT_CONTROLLERS = { ENABLE_CONFIGMAP_RECONCILER: "false", ENABLE_NAMESPACE_RECONCILER: "false" };
const LOCAL = kubeconfigText("https://127.0.0.1:6443", "t");

/** @param kubeconfig Undefined for none. */
async function find(env: Readonly<Record<string, string>>, kubeconfig?: string) {
  const folder = await Deno.makeTempDir();
  try {
    if (kubeconfig !== undefined) await Deno.writeTextFile(`${folder}/config`, kubeconfig);
    const variables: Readonly<Record<string, string>> = {
      INSIGHTS_TOKEN_SECRET: "a secret of the test",
      KUBECONFIG: `${folder}/config`,
      ...env,
    };
    const command = parseCommand([], (name) => variables[name]);
    assert.equal(command.kind, "serve");
    return await findCluster(command.config);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const code = (expected: string) => (error: unknown) => error instanceof AppError && error.code === expected;

const POD = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" };

Deno.test("In a pod the ServiceAccount counts if the operator names no kubeconfig", async () => {
  const found = await find({ ...POD, KUBECONFIG: "", SERVICE_ACCOUNT_DIRECTORY: "/account" }, LOCAL);
  assert.deepEqual(found.cluster, {
    kind: "service-account",
    directory: "/account",
    host: "10.0.0.1",
    port: "443",
  });
  assert.equal(found.readCredentials, undefined);
});

Deno.test("In a pod a kubeconfig that the operator names counts, with or without a ServiceAccount, wherever its cluster is", async () => {
  const remote = kubeconfigText("https://api.example.com", "t");
  for (const directory of ["/nowhere", "."]) {
    const { cluster, readCredentials } = await find({ ...POD, SERVICE_ACCOUNT_DIRECTORY: directory }, remote);
    assert.deepEqual(cluster, {
      kind: "kubeconfig",
      server: "https://api.example.com",
      namespace: "default",
    });
    const { signal } = new AbortController();
    assert.equal((await readCredentials?.({ refused: false, signal }))?.token, "t");
  }
  // A developer's container in a cluster.
  await assert.rejects(find({ ...POD, INSIGHTS_LOCAL: "true" }, remote), code("remote-context"));
});

Deno.test("Elsewhere the kubeconfig's context counts, and the Worker gets nothing secret with it", async () => {
  const found = await find({}, LOCAL);
  assert.deepEqual(found.cluster, {
    kind: "kubeconfig",
    server: "https://127.0.0.1:6443",
    namespace: "default",
  });
  const { signal } = new AbortController();
  assert.equal((await found.readCredentials?.({ refused: false, signal }))?.token, "t");
});

Deno.test("A context that does not look local needs ALLOW_REMOTE_CONTEXT", async () => {
  const remote = kubeconfigText("https://api.example.com", "t");
  await assert.rejects(find({}, remote), code("remote-context"));
  const { cluster } = await find({ ALLOW_REMOTE_CONTEXT: "true" }, remote);
  assert.equal(cluster?.kind, "kubeconfig");
});

Deno.test("The build scanner alone needs a cluster, too", async () => {
  const { cluster } = await find({ ...WITHOUT_CONTROLLERS, ENABLE_BUILD_SCANNING: "true" }, LOCAL);
  assert.equal(cluster?.kind, "kubeconfig");
});

Deno.test("Without controllers only metrics over HTTPS need a cluster", async () => {
  assert.equal((await find(WITHOUT_CONTROLLERS)).cluster, undefined);
  const metrics = { ...WITHOUT_CONTROLLERS, METRICS_BIND_ADDRESS: ":8080" };
  assert.equal((await find({ ...metrics, METRICS_SECURE: "false" })).cluster, undefined);
  await assert.rejects(find(metrics), code("metrics-cluster"));
  await assert.rejects(find({}), code("kubeconfig"));
});
