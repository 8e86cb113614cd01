/** The whole program with each kind of kubeconfig, on a real kube-apiserver. */
import assert from "node:assert/strict";
import { TestCluster } from "../fixtures/cluster.ts";
import {
  ignoredWithoutApiserver,
  type KubeApiserver,
  startKubeApiserver,
} from "../fixtures/kube_apiserver.ts";
import { kubeconfigWith } from "../fixtures/kubeconfig.ts";
import { startLocalRun } from "../fixtures/local_run.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";

interface Kind {
  readonly name: string;
  /** Only `dev` may run commands. */
  readonly task: "start" | "dev";
  readonly user: Record<string, unknown>;
  readonly cluster?: Record<string, unknown>;
  readonly files?: Record<string, string>;
  /** How often an exec plugin must have run. */
  readonly asked?: readonly [least: number, most: number];
}

const VERSIONS = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"] as const;

/** A user with a plugin in the folder of the kubeconfig. */
function pluginUser(apiVersion: string = VERSIONS[0]) {
  return {
    exec: {
      apiVersion,
      command: "./login.sh",
      interactiveMode: "Never",
      env: [{ name: "COUNT", value: "x" }],
    },
  };
}

/** A plugin that counts its runs, and prints a credential with this status. */
function plugin(status: unknown, apiVersion: string = VERSIONS[0], before = ""): Record<string, string> {
  const credential = JSON.stringify({ apiVersion, kind: "ExecCredential", status });
  return {
    "login.sh":
      `#!/bin/sh\ncd "$(dirname "$0")"\nprintf %s "$COUNT" >> asked\n${before}\ncat credential.json\n`,
    "credential.json": credential,
  };
}

/** Prints an unknown token at first. */
const REFUSED_FIRST = `if [ "$(cat asked)" = x ]; then sed 's/"token":"/&not-/' credential.json; exit; fi`;

function kinds({ caCertificate, token, clientCertificate }: KubeApiserver): Kind[] {
  const { cert, key } = clientCertificate;
  const inline = { "certificate-authority-data": btoa(caCertificate) };
  return [
    {
      name: "a client certificate in files",
      task: "start",
      cluster: { "certificate-authority": "ca.crt" },
      user: { "client-certificate": "client.crt", "client-key": "client.key" },
      files: { "ca.crt": caCertificate, "client.crt": cert, "client.key": key },
    },
    {
      name: "a client certificate in the kubeconfig, as kind writes it",
      task: "dev",
      cluster: inline,
      user: { "client-certificate-data": btoa(cert), "client-key-data": btoa(key) },
    },
    { name: "a token", task: "start", cluster: inline, user: { token } },
    {
      name: "a token in a file",
      task: "start",
      cluster: inline,
      user: { tokenFile: "token" },
      files: { token: `${token}\n` },
    },
    ...VERSIONS.map((apiVersion): Kind => ({
      name: `an exec plugin of ${apiVersion} that gives a token`,
      task: "dev",
      cluster: inline,
      user: pluginUser(apiVersion),
      files: plugin({ token }, apiVersion),
      asked: [1, 1],
    })),
    {
      name: "an exec plugin that gives a client certificate",
      task: "dev",
      cluster: inline,
      user: pluginUser(),
      files: plugin({ clientCertificateData: cert, clientKeyData: key }),
      asked: [1, 1],
    },
    {
      name: "an exec plugin whose credentials expire at once",
      task: "dev",
      cluster: inline,
      user: pluginUser(),
      files: plugin({ token, expirationTimestamp: "2020-01-01T00:00:00Z" }),
      asked: [3, 100],
    },
    {
      name: "an exec plugin whose first token the server refuses",
      task: "dev",
      cluster: inline,
      user: pluginUser(),
      files: plugin({ token }, VERSIONS[0], REFUSED_FIRST),
      asked: [2, 10],
    },
  ];
}

Deno.test({
  ...ignoredWithoutApiserver("with every kind of kubeconfig, the program processes a ConfigMap"),
  fn: async (test) => {
    await using api = await startKubeApiserver();
    using cluster = new TestCluster(api);
    await cluster.createNamespace("proj-main", LAGOON_NAMESPACE_LABELS);
    for (const kind of kinds(api)) {
      await test.step(kind.name, () => processes(kind, api, cluster));
    }
    await test.step("an exec plugin that fails at first", () => recovers(api, cluster));
    await test.step("an exec plugin that is missing", () => isMissing(api));
    await test.step("an exec plugin in `deno task start`", () => isForbidden(api));
  },
});

async function processes(kind: Kind, { url: server }: KubeApiserver, cluster: TestCluster): Promise<void> {
  await using run = await startLocalRun({
    task: kind.task,
    kubeconfig: kubeconfigWith({ server, ...kind.cluster }, kind.user),
    files: kind.files ?? {},
    env: { INSIGHTS_LOCAL: "true", RABBITMQ_ENABLED: "false" },
  });
  await run.program.untilReady();
  await processOne(cluster);
  assert.deepEqual((await run.untilPrinted(1)).map(({ type, namespace }) => [type, namespace]), [[
    "sbom",
    "proj-main",
  ]]);
  if (!kind.asked) return;
  const asked = (await Deno.readTextFile(`${run.folder}/asked`)).length;
  const [least, most] = kind.asked;
  assert.ok(asked >= least && asked <= most, `asked ${asked} times`);
}

/** Creates a ConfigMap, waits until it is processed, and deletes it for the next one. */
async function processOne(cluster: TestCluster): Promise<void> {
  const { metadata: { name } } = await cluster.create("configmaps", "proj-main", sbomConfigMap());
  await cluster.until(
    "configmaps",
    "proj-main",
    name,
    (object) => object?.metadata.labels?.["lagoon.sh/insightsProcessed"] === "true",
  );
  await cluster.delete("configmaps", "proj-main", name);
}

async function recovers(
  { url: server, caCertificate, token }: KubeApiserver,
  cluster: TestCluster,
): Promise<void> {
  const failing = "[ -e works ] || { echo 'log in first' >&2; exit 3; }";
  await using run = await startLocalRun({
    task: "dev",
    kubeconfig: kubeconfigWith({ server, "certificate-authority-data": btoa(caCertificate) }, pluginUser()),
    files: plugin({ token }, VERSIONS[0], failing),
  });
  await run.untilLogged("log in first");
  await run.untilLogged("it exited with code 3");
  await Deno.writeTextFile(`${run.folder}/works`, "");
  await run.program.untilReady();
  await processOne(cluster);
  assert.ok(!run.program.log().includes(token));
}

async function isMissing({ url: server }: KubeApiserver): Promise<void> {
  const exec = { apiVersion: VERSIONS[0], command: "no-such-login", installHint: "Get it from example.com" };
  await using run = await startLocalRun({ task: "dev", kubeconfig: kubeconfigWith({ server }, { exec }) });
  await run.untilLogged(
    "Cannot get credentials from the exec plugin no-such-login: it is not installed. Get it from example.com",
  );
}

async function isForbidden({ url: server }: KubeApiserver): Promise<void> {
  await using run = await startLocalRun({
    task: "start",
    kubeconfig: kubeconfigWith({ server }, pluginUser()),
    files: plugin({}),
    env: { INSIGHTS_LOCAL: "true", RABBITMQ_ENABLED: "false" },
  });
  await run.untilLogged("only `deno task dev` may run commands");
  await assert.rejects(Deno.stat(`${run.folder}/asked`), Deno.errors.NotFound);
}
