/** Races between the requests of one scan; everything else about builds is in tests/suites/scanner_suite.ts. */
import assert from "node:assert/strict";
import { BUILD_POD_SELECTOR, buildPodHandler, createBuildPodReconcile } from "../../controllers/build_pod.ts";
import { systemClock } from "../../lib/clock.ts";
import { TerminalError } from "../../lib/errors.ts";
import { createKubeClient, type KubeClient } from "../../lib/kube/client.ts";
import { isConflict, KubeError } from "../../lib/kube/errors.ts";
import { WorkQueue } from "../../lib/kube/work_queue.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { startApiServer } from "../fixtures/api_server/mod.ts";
import { buildPod, deployment } from "../fixtures/builds.ts";
import { ManualClock } from "../fixtures/clock.ts";
import { TestCluster, type TestObject } from "../fixtures/cluster.ts";
import { MemoryLogger } from "../fixtures/recorders.ts";

const NAMESPACE = "default";
const KEY = { namespace: NAMESPACE, name: "lagoon-build-abc123" };
const SCANNER = "insights-scanner-lagoon-build-abc123";
const OPTIONS = { image: "scanner:1", extraEnv: { PASSWORD: "nobody-may-see-this" } };
const OLD = {
  metadata: {
    name: "old",
    labels: { "insights.lagoon.sh/scan-status": "scanning", "insights.lagoon.sh/imagescanner": "true" },
  },
  spec: { containers: [{ name: "scanner", image: "scanner:0" }] },
};
const { signal } = new AbortController();

/** A finished build on an embedded API server, and the reconcile function; `spoil` replaces methods of its client. */
async function setUp(spoil: (kube: KubeClient, cluster: TestCluster) => Partial<KubeClient> = () => ({})) {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(startApiServer({ token: "t" }));
  const cluster = stack.use(new TestCluster({ url: server.url, token: "t" }));
  const access = cluster.access();
  stack.defer(() => access.close());
  const kube = createKubeClient({ access, clock: systemClock });
  const metrics = createMetrics();
  const log = new MemoryLogger();
  const notes: string[] = [];
  const events = {
    warn: (_about: unknown, reason: string, note: string) =>
      Promise.resolve(void notes.push(`${reason}: ${note}`)),
  };
  const parts = { kube: { ...kube, ...spoil(kube, cluster) }, events, metrics, log };
  await cluster.send("POST", `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`, {
    body: deployment("web", ["web:1"]),
  });
  await createBuild(cluster);
  const running = stack.move();
  return {
    server,
    cluster,
    notes,
    log,
    kube,
    reconcile: createBuildPodReconcile(parts, OPTIONS),
    counted: async () =>
      [...(await metrics.render()).text.matchAll(
        /build_scans_total\{outcome="(\w+)",code="([\w-]*)"\} (\d+)/g,
      )]
        .map(([, outcome, code, count]) => `${outcome} ${code} ${count}`),
    scanners: async () =>
      (await cluster.list("pods", NAMESPACE)).map(({ metadata }) => metadata).filter(({ name }) =>
        name === SCANNER
      ),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function createBuild(cluster: TestCluster): Promise<void> {
  await cluster.create("pods", NAMESPACE, buildPod());
  await cluster.setStatus("pods", NAMESPACE, KEY.name, { phase: "Succeeded" });
}

/** Makes lists say that the pod `old` is terminating, which needs a kubelet otherwise. */
function withEndingScanner(kube: KubeClient): Partial<KubeClient> {
  return {
    list: async (...request) => {
      const page = await kube.list(...request);
      const ending = { deletionTimestamp: "2026-01-01T00:00:00Z" };
      const items = [...page.items].map((item) =>
        item.metadata.name === "old" ? { ...item, metadata: { ...item.metadata, ...ending } } : item
      );
      return { ...page, items };
    },
  };
}

const isScanned = (pod?: TestObject) => pod?.metadata.labels?.["insights.lagoon.sh/scanned"] === "true";

Deno.test("the selector excludes scanned builds and scanners", () => {
  assert.equal(
    BUILD_POD_SELECTOR,
    "lagoon.sh/buildName,!insights.lagoon.sh/scanned,!insights.lagoon.sh/scan-status",
  );
});

Deno.test("the handler queues each build", async () => {
  const queue = new WorkQueue({ clock: new ManualClock(), random: () => 0 });
  const handler = buildPodHandler(queue);
  handler.onObject({ metadata: { ...KEY, uid: "1", resourceVersion: "1" } });
  assert.deepEqual(await queue.get(signal), KEY);
  queue.close();
});

Deno.test("a label that can't be written is written by the next attempt, without a second scanner", async () => {
  await using scene = await setUp();
  scene.server.faults.add({
    fault: { kind: "status", status: 500 },
    match: ({ method }) => method === "PATCH",
  });
  await assert.rejects(scene.reconcile(KEY, { signal }), { status: 500 });
  const [before] = await scene.scanners();
  await scene.reconcile(KEY, { signal });
  const after = await scene.scanners();
  assert.deepEqual(after.map(({ uid }) => uid), [before?.uid]);
  assert.ok(isScanned(await scene.cluster.get("pods", NAMESPACE, KEY.name)));
  assert.deepEqual(await scene.counted(), ["failed kubernetes-500 1", "found  1"]);
});

Deno.test("a scanner whose creation got no answer is not created twice", async () => {
  let lost = false;
  await using scene = await setUp((kube) => ({
    create: async (...request) => {
      const created = await kube.create(...request);
      if (lost) return created;
      lost = true;
      throw new KubeError("Cannot create pods", { status: 0 });
    },
  }));
  await assert.rejects(scene.reconcile(KEY, { signal }), { status: 0 });
  const [before] = await scene.scanners();
  await scene.reconcile(KEY, { signal });
  assert.deepEqual((await scene.scanners()).map(({ uid }) => uid), [before?.uid]);
});

Deno.test("two replicas at the same time create one scanner", async () => {
  await using scene = await setUp();
  const other = createBuildPodReconcile({
    kube: scene.kube,
    events: { warn: () => Promise.resolve() },
    metrics: createMetrics(),
    log: new MemoryLogger(),
  }, OPTIONS);
  const results = await Promise.allSettled([scene.reconcile(KEY, { signal }), other(KEY, { signal })]);
  // The second label may be a conflict, which is retried.
  for (const result of results) assert.ok(result.status === "fulfilled" || isConflict(result.reason));
  const created = scene.server.requests.filter(({ method, resource, status }) =>
    method === "POST" && resource === "pods" && status === 201
  );
  // One of them is the build itself.
  assert.equal(created.length, 2);
  assert.ok(isScanned(await scene.cluster.get("pods", NAMESPACE, KEY.name)));
});

Deno.test("a build that no longer waits when it is reconciled is left alone", async () => {
  await using scene = await setUp();
  await scene.cluster.setStatus("pods", NAMESPACE, KEY.name, { phase: "Running" });
  assert.deepEqual(await scene.reconcile(KEY, { signal }), {});
  await scene.cluster.setStatus("pods", NAMESPACE, KEY.name, { phase: "Succeeded" });
  for (const label of ["insights.lagoon.sh/scanned", "insights.lagoon.sh/scan-status"]) {
    await scene.cluster.mark("pods", NAMESPACE, KEY.name, { labels: { [label]: "true" } });
    assert.deepEqual(await scene.reconcile(KEY, { signal }), {});
    await scene.cluster.mark("pods", NAMESPACE, KEY.name, { labels: { [label]: null } });
  }
  assert.deepEqual(await scene.scanners(), []);
});

Deno.test("a terminating scanner of a later build does not count", async () => {
  await using scene = await setUp(withEndingScanner);
  await scene.cluster.setStatus("pods", NAMESPACE, KEY.name, {
    phase: "Succeeded",
    containerStatuses: [{ state: { terminated: { finishedAt: "2026-01-01T07:00:00Z" } } }],
  });
  const annotations = { "insights.lagoon.sh/build-finished": "2026-01-01T08:00:00Z" };
  await scene.cluster.create("pods", NAMESPACE, { ...OLD, metadata: { ...OLD.metadata, annotations } });
  await scene.reconcile(KEY, { signal });
  assert.equal((await scene.scanners()).length, 1);
});

Deno.test("a terminating scanner is not deleted again", async () => {
  await using scene = await setUp(withEndingScanner);
  await scene.cluster.create("pods", NAMESPACE, OLD);
  await scene.reconcile(KEY, { signal });
  assert.equal((await scene.scanners()).length, 1);
  assert.deepEqual(scene.server.requests.filter(({ method }) => method === "DELETE"), []);
});

Deno.test("a terminating pod with the scanner's name is waited for, without an Event", async () => {
  await using scene = await setUp((kube) => ({
    getMetadata: async (...request) => {
      const { metadata } = await kube.getMetadata(...request);
      return { metadata: { ...metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
    },
  }));
  await scene.cluster.create("pods", NAMESPACE, { ...OLD, metadata: { name: SCANNER } });
  await assert.rejects(scene.reconcile(KEY, { signal }), isConflict);
  assert.deepEqual(scene.notes, []);
});

Deno.test("a build that is gone before it is reconciled needs nothing", async () => {
  await using scene = await setUp();
  await scene.cluster.delete("pods", NAMESPACE, KEY.name);
  assert.deepEqual(await scene.reconcile(KEY, { signal }), {});
  assert.deepEqual(await scene.scanners(), []);
  assert.deepEqual([await scene.counted(), scene.log.lines], [[], []]);
});

Deno.test("a build that is deleted while its scanner is created is not created again by its label", async () => {
  await using scene = await setUp((kube, cluster) => ({
    create: async (...request) => {
      await cluster.delete("pods", NAMESPACE, KEY.name);
      return await kube.create(...request);
    },
  }));
  await assert.rejects(scene.reconcile(KEY, { signal }), isConflict);
  assert.deepEqual(await scene.reconcile(KEY, { signal }), {});
  assert.equal(await scene.cluster.get("pods", NAMESPACE, KEY.name), undefined);
  assert.deepEqual([await scene.counted(), scene.notes], [[], []]);
});

Deno.test("a new build of the same name gets its own scanner, not the label of the old one", async () => {
  let replaced = false;
  await using scene = await setUp((kube, cluster) => ({
    create: async (...request) => {
      if (!replaced) {
        await cluster.delete("pods", NAMESPACE, KEY.name);
        await createBuild(cluster);
      }
      replaced = true;
      return await kube.create(...request);
    },
  }));
  await assert.rejects(scene.reconcile(KEY, { signal }), isConflict);
  assert.equal(isScanned(await scene.cluster.get("pods", NAMESPACE, KEY.name)), false);
  const [before] = await scene.scanners();
  await scene.reconcile(KEY, { signal });
  const build = await scene.cluster.get("pods", NAMESPACE, KEY.name);
  const [after, ...others] = await scene.scanners();
  assert.ok(isScanned(build));
  assert.notEqual(after?.uid, before?.uid);
  assert.equal(after?.annotations?.["insights.lagoon.sh/build-uid"], build?.metadata.uid);
  assert.deepEqual(others, []);
});

Deno.test("an old scanner that is gone before it is deleted is no error", async () => {
  await using scene = await setUp((kube, cluster) => ({
    delete: async (...request) => {
      await cluster.delete("pods", NAMESPACE, "old");
      await kube.delete(...request);
    },
  }));
  await scene.cluster.create("pods", NAMESPACE, OLD);
  await scene.reconcile(KEY, { signal });
  assert.equal((await scene.scanners()).length, 1);
});

Deno.test("a pod that took the old scanner's name meanwhile is not deleted", async () => {
  let replaced = "";
  await using scene = await setUp((kube, cluster) => ({
    delete: async (...request) => {
      await cluster.delete("pods", NAMESPACE, "old");
      const site = { ...OLD, metadata: { name: "old" } };
      replaced = (await cluster.create("pods", NAMESPACE, site)).metadata.uid;
      await kube.delete(...request);
    },
  }));
  await scene.cluster.create("pods", NAMESPACE, OLD);
  await assert.rejects(scene.reconcile(KEY, { signal }), isConflict);
  await scene.reconcile(KEY, { signal });
  assert.equal((await scene.cluster.get("pods", NAMESPACE, "old"))?.metadata.uid, replaced);
  assert.equal((await scene.scanners()).length, 1);
});

Deno.test("the images of all Deployments are scanned, over several pages", async () => {
  await using scene = await setUp();
  const names = Array.from({ length: 120 }, (_, index) => `app-${String(index).padStart(3, "0")}`);
  for (const name of names) {
    const body = deployment(name, [`${name}:1`]);
    await scene.cluster.send("POST", `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`, { body });
  }
  await scene.cluster.createNamespace("other");
  await scene.cluster.send("POST", "/apis/apps/v1/namespaces/other/deployments", {
    body: deployment("other", ["other:1"]),
  });
  await scene.reconcile(KEY, { signal });
  const pod = scene.server.get("pods", NAMESPACE, SCANNER);
  assert.ok(
    JSON.stringify(pod?.["spec"]).includes(`"${[...names.map((name) => `${name}:1`), "web:1"].join(",")}"`),
  );
});

const REFUSALS = [
  {
    status: 403,
    message: "pods is forbidden: cannot create",
    code: "forbidden",
    says: /grant the rights/,
    final: false,
  },
  {
    status: 403,
    message: "exceeded quota: few",
    code: "quota",
    says: /raise it, or delete pods/,
    final: false,
  },
  {
    status: 403,
    message: "failed quota: few: must specify cpu",
    code: "quota",
    says: /raise it/,
    final: false,
  },
  { status: 422, message: "invalid image", code: "invalid", says: /check BUILD_SCANNER_IMAGE/, final: true },
] as const;

for (const { status, message, code, says, final } of REFUSALS) {
  Deno.test(`"${message}" (${status}) is reported once in an Event, and ${final ? "not " : ""}retried`, async () => {
    await using scene = await setUp(() => ({
      create: () => Promise.reject(new KubeError(`Cannot create pods: ${message}`, { status })),
    }));
    for (let tries = 0; tries < 2; tries++) {
      await assert.rejects(scene.reconcile(KEY, { signal }), (error) => {
        assert.equal(error instanceof TerminalError, final);
        assert.match(String(error), says);
        return true;
      });
    }
    const [note, ...others] = scene.notes;
    assert.match(note ?? "", /^InsightsScanFailed: Cannot scan the images of build default\//);
    assert.ok(note?.includes(message));
    assert.deepEqual(others, []);
    assert.deepEqual(await scene.counted(), [`failed ${code} 2`]);
    assert.equal(isScanned(await scene.cluster.get("pods", NAMESPACE, KEY.name)), false);
    assert.doesNotMatch(JSON.stringify([scene.notes, scene.log.lines]), /nobody-may-see-this/);
  });
}
