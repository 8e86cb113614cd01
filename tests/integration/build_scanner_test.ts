/** The whole program with the build scanner, as in a pod: on a real kube-apiserver, with only the permissions in `manifests/`. */
import assert from "node:assert/strict";
import { buildPod, deployment } from "../fixtures/builds.ts";
import { TestCluster, type TestObject } from "../fixtures/cluster.ts";
import golden from "../fixtures/golden/scanner_pod.json" with { type: "json" };
import { ignoredWithoutApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { LAGOON_NAMESPACE_LABELS } from "../fixtures/objects.ts";
import { createPod } from "../fixtures/pod.ts";
import { freePorts } from "../fixtures/ports.ts";
import { startProgram } from "../fixtures/program.ts";
import { AccessControl, OWN_NAMESPACE, readManifest } from "../fixtures/rbac.ts";
import { until } from "../fixtures/until.ts";

const NAMESPACE = golden.scanner.metadata.namespace;
const BUILD = golden.build.metadata.name;
const SCANNER = golden.scanner.metadata.name;
const SCANNED = "insights.lagoon.sh/scanned";
const TOKEN_SECRET = "the-secret-of-the-scanner-test";
const SCANNING = {
  ENABLE_BUILD_SCANNING: "true",
  BUILD_SCANNER_IMAGE: golden.scanner.spec.containers[0]!.image,
  BUILD_SCANNER_EXTRA_ENV_VARS: "EXTRA=2,SCAN_MODE=fast",
  BUILD_SCANNER_DOCKER_HOSTS: "docker-host.lagoon.svc,docker-host-2.lagoon.svc",
};
/** Must not be logged: the signing secret, a variable of the scanner, and values of the build's own variables. */
const SECRETS = [TOKEN_SECRET, "SCAN_MODE", "not this", "overridden"];
/** Metadata that differ between clusters. */
const OWN = ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "annotations"];

/** A cluster with a finished build, and the token of a ServiceAccount with the permissions of the base and the component. */
async function setUp() {
  await using stack = new AsyncDisposableStack();
  const api = stack.use(await startKubeApiserver());
  const cluster = stack.use(new TestCluster(api));
  await cluster.createNamespace(OWN_NAMESPACE);
  const accessControl = new AccessControl(cluster, api);
  const [account, ...manifests] = await Promise.all([
    "base/service_account",
    "base/cluster_role",
    "base/cluster_role_binding",
    "components/build_scanner/cluster_role",
    "components/build_scanner/cluster_role_binding",
  ].map(readManifest));
  for (const manifest of [account!, ...manifests]) await accessControl.apply(manifest);
  const token = await accessControl.requestToken(account!.metadata.name);
  await accessControl.untilGranted(token, OWN_NAMESPACE, manifests.flatMap(({ rules = [] }) => rules));
  const pod = stack.use(await createPod({ ...api, token }));

  await cluster.createNamespace(NAMESPACE, LAGOON_NAMESPACE_LABELS);
  const images = golden.scanner.spec.containers[0]!.env
    .find(({ name }) => name === "INSIGHT_SCAN_IMAGES")!.value!.split(",");
  const path = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;
  await cluster.send("POST", path, { body: deployment("nginx", images.slice(0, 2)) });
  await cluster.send("POST", path, { body: deployment("tools", images.slice(2)) });
  await cluster.create("pods", NAMESPACE, buildPod(BUILD));
  await cluster.setStatus("pods", NAMESPACE, BUILD, { phase: "Succeeded" });
  const running = stack.move();
  return { cluster, pod, token, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Starts the program, and waits until it is ready. */
async function start(env: Readonly<Record<string, string>>) {
  const [webPort = 0, healthPort = 0, metricsPort = 0] = freePorts(3);
  const program = startProgram({
    webPort,
    healthPort,
    env: {
      INSIGHTS_TOKEN_SECRET: TOKEN_SECRET,
      RABBITMQ_ENABLED: "false",
      METRICS_BIND_ADDRESS: `127.0.0.1:${metricsPort}`,
      METRICS_SECURE: "false",
      SHUTDOWN_DELAY: "0",
      ZAP_LOG_LEVEL: "debug",
      ...env,
    },
  });
  const output = new Response(program.stdout).text();
  await program.untilReady();
  return {
    ...program,
    output,
    metrics: async () => await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
  };
}

type Started = Awaited<ReturnType<typeof start>>;

async function untilCounted(program: Started, outcome: string): Promise<void> {
  const line = `insights_remote_build_scans_total{outcome="${outcome}",code=""} 1\n`;
  await until(`a scan is counted as ${outcome}`, async () => (await program.metrics()).includes(line));
}

async function assertLogsNoSecret(program: Started, token: string): Promise<void> {
  const logged = program.log() + await program.output;
  for (const secret of [...SECRETS, token]) assert.ok(!logged.includes(secret), secret);
  const failures = logged.split("\n").filter((line) => /"level":"(?:WARN|ERROR)"|forbidden/.test(line));
  assert.deepEqual(failures, []);
}

const isScanned = (pod?: TestObject) => pod?.metadata.labels?.[SCANNED] === "true";
const without = (object: object, names: readonly string[]) =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

Deno.test({
  ...ignoredWithoutApiserver(
    "in a pod, the program scans a finished build once, even if it is killed",
  ),
  fn: async (test) => {
    await using scene = await setUp();
    const { cluster, pod, token } = scene;

    await test.step("nothing happens while the build scanner is off", async () => {
      const before = await cluster.list("pods", NAMESPACE);
      await using program = await start(pod.env);
      await cluster.until("secrets", NAMESPACE, "insights-token", (secret) => secret !== undefined);
      assert.doesNotMatch(await program.metrics(), /="build"|builds-watch|build_scans_total\{/);
      assert.equal(await program.stop(), 0, program.log());
      await assertLogsNoSecret(program, token);
      assert.deepEqual(await cluster.list("pods", NAMESPACE), before);
    });

    let uid = "";
    await test.step("a finished build gets its scanner and its label, and is counted", async () => {
      await using program = await start({ ...pod.env, ...SCANNING });
      const build = await cluster.until("pods", NAMESPACE, BUILD, isScanned);
      assert.deepEqual(build?.metadata.labels, golden.build.metadata.labels);
      const scanner = (await cluster.get("pods", NAMESPACE, SCANNER))!;
      uid = scanner.metadata.uid;
      assert.deepEqual({ ...scanner, metadata: without(scanner.metadata, OWN) }, {
        ...golden.scanner,
        metadata: without(golden.scanner.metadata, OWN),
      });
      await untilCounted(program, "created");
      assert.match(await program.metrics(), /builds-watch/);
      await program.kill();
      await assertLogsNoSecret(program, token);
    });

    await test.step("after a kill before the label, it writes the label and creates no second scanner", async () => {
      await cluster.mark("pods", NAMESPACE, BUILD, { labels: { [SCANNED]: null } });
      await using program = await start({ ...pod.env, ...SCANNING });
      await cluster.until("pods", NAMESPACE, BUILD, isScanned);
      await untilCounted(program, "found");
      assert.equal(await program.stop(), 0, program.log());
      await assertLogsNoSecret(program, token);
      const pods = (await cluster.list("pods", NAMESPACE)).map(({ metadata }) => metadata);
      assert.deepEqual(pods.map(({ name }) => name), [SCANNER, BUILD]);
      assert.equal(pods[0]?.uid, uid);
    });
  },
});
