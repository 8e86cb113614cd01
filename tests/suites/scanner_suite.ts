/**
 * The build scanner, on any API server.
 *
 * @module
 */
import assert from "node:assert/strict";
import { scanPod, type ScanPodOptions } from "../../controllers/scan_pod.ts";
import type { Pod } from "../../lib/kube/objects.ts";
import { BUILD_LABELS, buildPod, deployment } from "../fixtures/builds.ts";
import type { TestCluster, TestObject } from "../fixtures/cluster.ts";
import { until } from "../fixtures/until.ts";
import { type ClusterFactory, describeSuite, type Program, type RunOptions } from "./harness.ts";

const BUILD = "lagoon-build-abc123";
const SCANNER = `insights-scanner-${BUILD}`;
const OPTIONS: ScanPodOptions = {
  image: "registry.example/insights-scanner:v1",
  extraEnv: { SCAN_MODE: "fast" },
  dockerHosts: ["docker-host.lagoon.svc", "docker-host-2.lagoon.svc"],
};
const SCAN: RunOptions = { tokens: false, scanner: OPTIONS };
const SCANNER_LABELS = {
  "insights.lagoon.sh/scan-status": "scanning",
  "insights.lagoon.sh/imagescanner": "true",
};
const SPEC = { containers: [{ name: "scanner", image: "scanner:0" }] };

const isScanned = (pod?: TestObject) => pod?.metadata.labels?.["insights.lagoon.sh/scanned"] === "true";
const isThere = (object?: TestObject) => object !== undefined;

/** Creates a build in this phase. */
async function build(
  cluster: TestCluster,
  namespace: string,
  { name = BUILD, phase = "Succeeded", labels = {}, finishedAt }: {
    name?: string;
    phase?: string;
    labels?: Record<string, string>;
    finishedAt?: string;
  } = {},
): Promise<TestObject> {
  const { metadata, ...pod } = buildPod(name);
  const object = { metadata: { ...metadata, labels: { ...metadata.labels, ...labels } }, ...pod };
  await cluster.create("pods", namespace, object);
  const state = { terminated: { exitCode: 0, finishedAt } };
  const containerStatuses = [{
    name: "lagoon-build",
    image: "",
    imageID: "",
    ready: false,
    restartCount: 0,
    state,
  }];
  await cluster.setStatus("pods", namespace, name, finishedAt ? { phase, containerStatuses } : { phase });
  return (await cluster.get("pods", namespace, name))!;
}

async function deploy(cluster: TestCluster, namespace: string): Promise<void> {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  await cluster.send("POST", path, { body: deployment("nginx", ["nginx@sha256:aa", "php@sha256:bb"]) });
  await cluster.send("POST", path, { body: deployment("cli", ["cli@sha256:cc"]) });
}

async function scanners(cluster: TestCluster, namespace: string): Promise<string[]> {
  const pods = await cluster.list("pods", namespace);
  return pods.map(({ metadata }) => metadata.name).filter((name) => name.startsWith("insights-scanner-"));
}

/** Waits until the controller has reconciled what existed before, by the scan of a later build. */
async function untilCaughtUp(cluster: TestCluster, namespace: string): Promise<void> {
  await cluster.createNamespace(namespace);
  await deploy(cluster, namespace);
  await build(cluster, namespace);
  await cluster.until("pods", namespace, BUILD, isScanned);
}

/** The count follows the label, which tests see first. */
async function untilCounted({ metrics }: Program, outcome: string): Promise<void> {
  const line = new RegExp(`^insights_remote_build_scans_total\\{outcome="${outcome}",code=""\\} [1-9]`, "m");
  await until(`a scan is counted as ${outcome}`, async () => line.test((await metrics.render()).text));
}

/** Sets a quota of no pods, and waits until the API server applies it. */
async function limitPods(cluster: TestCluster, namespace: string): Promise<void> {
  const hard = { pods: "0" };
  await cluster.create("resourcequotas", namespace, { metadata: { name: "few" }, spec: { hard } });
  await cluster.setStatus("resourcequotas", namespace, "few", { hard, used: { pods: "0" } });
  await until("the quota counts", async () => {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const body = { metadata: { name: "probe" }, spec: SPEC };
    const answer = await cluster.send("POST", path, { body, allow: [403] }) as { code?: number };
    if (answer.code === 403) return true;
    await cluster.delete("pods", namespace, "probe");
    return false;
  });
}

/** Registers the suite. */
export function scannerSuite(factory: ClusterFactory): void {
  describeSuite(factory, (test) => {
    test("a build that finishes gets a scanner for all images, and then its label", async ({ cluster, namespace, run }) => {
      await deploy(cluster, namespace);
      await using program = run(SCAN);
      const { metadata } = await build(cluster, namespace, { phase: "Running" });
      await cluster.setStatus("pods", namespace, BUILD, { phase: "Succeeded" });
      const after = await cluster.until("pods", namespace, BUILD, isScanned);
      assert.deepEqual(after?.metadata.labels, {
        ...BUILD_LABELS,
        "insights.lagoon.sh/scanned": "true",
      });
      const scanner = await cluster.get("pods", namespace, SCANNER);
      assert.deepEqual(scanner?.metadata.labels, SCANNER_LABELS);
      assert.deepEqual(scanner?.metadata.annotations, { "insights.lagoon.sh/build-uid": metadata.uid });
      const [container] = (scanner?.spec as Pod["spec"]).containers;
      assert.equal(container?.image, OPTIONS.image);
      const env = Object.fromEntries(container?.env?.map((entry) => [entry.name, entry]) ?? []);
      assert.equal(env["INSIGHT_SCAN_IMAGES"]?.value, "cli@sha256:cc,nginx@sha256:aa,php@sha256:bb");
      assert.equal(env["NAMESPACE"]?.value, namespace);
      assert.deepEqual(env["LAGOON_ENVIRONMENT_VARIABLES"]?.valueFrom, {
        secretKeyRef: { name: "vars", key: "all" },
      });
      await untilCounted(program, "created");
      assert.doesNotMatch(JSON.stringify(program.log.lines), /SCAN_MODE|fast|production/);
    });

    test("a fake build chooses no docker host, and what is no image is not scanned; an Event tells", async ({ cluster, namespace, run }) => {
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
      const bad = ["$(SCAN_MODE)", "one two", "one:1,two:2", "a\nb", "x".repeat(100_000)];
      await cluster.send("POST", path, { body: deployment("evil", bad) });
      await cluster.send("POST", path, { body: deployment("good", ["localhost:5000/a/b-c:1.2@sha256:aa"]) });
      await using _program = run(SCAN);
      const env = [{ name: "BRANCH", value: "$(SCAN_MODE)" }];
      const { metadata, ...pod } = buildPod(BUILD, env);
      const annotations = { "dockerhost.lagoon.sh/name": "docker-host.evil.svc" };
      await cluster.create("pods", namespace, { metadata: { ...metadata, annotations }, ...pod });
      await cluster.setStatus("pods", namespace, BUILD, { phase: "Succeeded" });
      await cluster.until("pods", namespace, BUILD, isScanned);
      const scanner = await cluster.get("pods", namespace, SCANNER);
      const [container] = (scanner?.spec as Pod["spec"]).containers;
      const byName = Object.fromEntries(container?.env?.map(({ name, value }) => [name, value]) ?? []);
      assert.equal(byName["INSIGHT_SCAN_IMAGES"], "localhost:5000/a/b-c:1.2@sha256:aa");
      assert.equal(byName["DOCKER_HOST"], "docker-host.lagoon.svc");
      assert.equal(byName["BRANCH"], "$$(SCAN_MODE)");
      const events = await cluster.list("events", namespace);
      const [event] = events.filter(({ reason }) => reason === "InsightsScanIncomplete");
      assert.match(event?.message ?? "", /BUILD_SCANNER_DOCKER_HOSTS.*Not all images .*: evil\./);
    });

    test("a build that runs, has failed or has been scanned is not scanned", async ({ cluster, namespace, run }) => {
      await deploy(cluster, namespace);
      await build(cluster, namespace, { name: "running", phase: "Running" });
      await build(cluster, namespace, { name: "failed", phase: "Failed" });
      await build(cluster, namespace, { name: "done", labels: { "insights.lagoon.sh/scanned": "true" } });
      await build(cluster, namespace, {
        name: "scan",
        labels: { "insights.lagoon.sh/scan-status": "scanning" },
      });
      await cluster.create("pods", namespace, { metadata: { name: "no-build" }, spec: SPEC });
      await cluster.setStatus("pods", namespace, "no-build", { phase: "Succeeded" });
      const before = await cluster.list("pods", namespace);
      await using _program = run(SCAN);
      await untilCaughtUp(cluster, `${namespace}-later`);
      assert.deepEqual(await cluster.list("pods", namespace), before);
    });

    test("a build without Deployments is left unchanged", async ({ cluster, namespace, run }) => {
      const before = await build(cluster, namespace);
      await using _program = run(SCAN);
      await untilCaughtUp(cluster, `${namespace}-later`);
      assert.deepEqual(await cluster.list("pods", namespace), [before].map(listed));
    });

    test("the scanner of an earlier build is replaced, and other pods stay", async ({ cluster, namespace, run }) => {
      await deploy(cluster, namespace);
      await cluster.create("pods", namespace, {
        metadata: { name: "insights-scanner-old", labels: SCANNER_LABELS },
        spec: SPEC,
      });
      const site = { name: "site", labels: { "insights.lagoon.sh/imagescanner": "true" } };
      await cluster.create("pods", namespace, { metadata: site, spec: SPEC });
      await build(cluster, namespace);
      await using _program = run(SCAN);
      await cluster.until("pods", namespace, BUILD, isScanned);
      const names = (await cluster.list("pods", namespace)).map(({ metadata }) => metadata.name);
      assert.deepEqual(names, [SCANNER, BUILD, "site"]);
    });

    // Builds are reconciled in the order of their names.
    for (const [last, other, turn] of [["a", "b", "first"], ["b", "a", "last"]] as const) {
      test(`of several builds, the scanner of the one that finished last stays, even if it is reconciled ${turn}`, async ({ cluster, namespace, run }) => {
        await deploy(cluster, namespace);
        await build(cluster, namespace, { name: last, finishedAt: "2026-01-01T08:00:00Z" });
        await build(cluster, namespace, { name: other, finishedAt: "2026-01-01T07:00:00Z" });
        await using program = run(SCAN);
        for (const name of [last, other]) await cluster.until("pods", namespace, name, isScanned);
        assert.deepEqual(await scanners(cluster, namespace), [`insights-scanner-${last}`]);
        await build(cluster, namespace, { name: "later", finishedAt: "2026-01-01T09:00:00Z" });
        await cluster.until("pods", namespace, "later", isScanned);
        assert.deepEqual(await scanners(cluster, namespace), ["insights-scanner-later"]);
        // One build is reconciled at a time, so the lines about the earlier ones are there.
        const objects = program.log.with("Build not scanned because a later one is").map(({ fields }) =>
          fields["object"]
        );
        assert.equal(objects.includes(`${namespace}/${other}`), turn === "first");
      });
    }

    test("a build whose label was not written before a restart keeps its scanner", async ({ cluster, namespace, run }) => {
      await deploy(cluster, namespace);
      const pod = await build(cluster, namespace) as unknown as Pod;
      const before = await cluster.create("pods", namespace, scanPod(pod, ["cli@sha256:cc"], OPTIONS));
      await using program = run(SCAN);
      await cluster.until("pods", namespace, BUILD, isScanned);
      assert.deepEqual(await scanners(cluster, namespace), [SCANNER]);
      assert.equal((await cluster.get("pods", namespace, SCANNER))?.metadata.uid, before.metadata.uid);
      await untilCounted(program, "found");
    });

    test("a build keeps its scanner if that has lost its labels", async ({ cluster, namespace, run }) => {
      await deploy(cluster, namespace);
      const pod = await build(cluster, namespace) as unknown as Pod;
      const { metadata, ...rest } = scanPod(pod, ["cli@sha256:cc"], OPTIONS);
      const bare = { ...rest, metadata: { ...metadata, labels: {} } };
      const before = await cluster.create("pods", namespace, bare);
      await using _program = run(SCAN);
      await cluster.until("pods", namespace, BUILD, isScanned);
      assert.equal((await cluster.get("pods", namespace, SCANNER))?.metadata.uid, before.metadata.uid);
    });

    test("a scanner of the same name from an earlier build is replaced", async ({ cluster, namespace, run }) => {
      await deploy(cluster, namespace);
      const { metadata } = await build(cluster, namespace);
      const old = { ...metadata, namespace, uid: "another" };
      const left = scanPod({ ...buildPod(), metadata: old } as unknown as Pod, ["cli:0"], OPTIONS);
      const before = await cluster.create("pods", namespace, left);
      await using _program = run(SCAN);
      await cluster.until("pods", namespace, BUILD, isScanned);
      assert.deepEqual(await scanners(cluster, namespace), [SCANNER]);
      assert.notEqual((await cluster.get("pods", namespace, SCANNER))?.metadata.uid, before.metadata.uid);
    });

    test("another pod with the scanner's name stays, an Event reports it, and the scan follows once it is gone", async ({ cluster, namespace, run }) => {
      await deploy(cluster, namespace);
      await cluster.create("pods", namespace, { metadata: { name: SCANNER }, spec: SPEC });
      await build(cluster, namespace);
      await using program = run(SCAN);
      const failures = () => program.log.with("Reconcile failed").length;
      await until("it is retried", () => failures() >= 2);
      const events = await cluster.list("events", namespace);
      assert.deepEqual(
        events.map(({ reason, involvedObject }) => [reason, involvedObject?.kind, involvedObject?.name]),
        [["InsightsScanFailed", "Pod", BUILD]],
      );
      assert.match(
        events[0]?.message ?? "",
        new RegExp(`pod that is no scanner has its scanner's name: delete that pod.*${SCANNER}`),
      );
      assert.equal(isScanned(await cluster.get("pods", namespace, BUILD)), false);
      await cluster.delete("pods", namespace, SCANNER);
      await cluster.until("pods", namespace, BUILD, isScanned);
      assert.ok(isThere(await cluster.get("pods", namespace, SCANNER)));
    });

    test("an exhausted quota is reported in an Event, and the scan follows once it is lifted", async ({ cluster, namespace, run }) => {
      await deploy(cluster, namespace);
      await build(cluster, namespace);
      await limitPods(cluster, namespace);
      await using program = run(SCAN);
      await until("it is retried", () => program.log.with("Reconcile failed").length >= 2);
      const [event, ...others] = await cluster.list("events", namespace);
      assert.equal(event?.reason, "InsightsScanFailed");
      assert.match(event?.message ?? "", /quota leaves no room.*raise it.*exceeded quota: few/);
      assert.deepEqual(others, []);
      const [line] = program.log.with("Reconcile failed");
      assert.match(
        String(line?.fields["error"]),
        new RegExp(`^Cannot scan the images of build ${namespace}/`),
      );
      await cluster.delete("resourcequotas", namespace, "few");
      await cluster.until("pods", namespace, BUILD, isScanned);
      assert.deepEqual(await scanners(cluster, namespace), [SCANNER]);
      const { text } = await program.metrics.render();
      assert.match(text, /build_scans_total\{outcome="failed",code="quota"\} [2-9]/);
    });

    test("a build in a namespace that is being deleted is left alone", async ({ cluster, namespace, run }) => {
      await deploy(cluster, namespace);
      await build(cluster, namespace);
      await cluster.delete("namespaces", "", namespace);
      await using program = run(SCAN);
      await untilCaughtUp(cluster, `${namespace}-later`);
      assert.deepEqual(await scanners(cluster, namespace), []);
      const lines = program.log.with("Build not scanned because its namespace is being deleted");
      assert.deepEqual(
        lines.map(({ fields }) => fields["object"]).filter((object) => object === `${namespace}/${BUILD}`),
        [
          `${namespace}/${BUILD}`,
        ],
      );
      assert.deepEqual(program.log.lines.filter(({ level }) => level === "error"), []);
    });
  });
}

/** As in a list: without its kind. */
function listed(object: TestObject): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).filter(([name]) => name !== "kind" && name !== "apiVersion"),
  );
}
