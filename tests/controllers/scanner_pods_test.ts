import assert from "node:assert/strict";
import { createScanController } from "../../controllers/build_pod.ts";
import { systemClock } from "../../lib/clock.ts";
import { isConflict, KubeError } from "../../lib/kube/errors.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { deployment } from "../fixtures/builds.ts";
import { MemoryLogger } from "../fixtures/recorders.ts";
import {
  createBuild,
  isScanned,
  KEY,
  NAMESPACE,
  OLD,
  OPTIONS,
  SCANNER,
  setUp,
  withEndingScanner,
} from "../fixtures/build_scene.ts";

const { signal } = new AbortController();

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
  const other = createScanController({
    kube: scene.kube,
    clock: systemClock,
    random: () => 0,
    events: { warn: () => Promise.resolve() },
    metrics: createMetrics(),
    log: new MemoryLogger(),
  }, OPTIONS);
  const results = await Promise.allSettled([
    scene.reconcile(KEY, { signal }),
    other.reconcile(KEY, { signal }),
  ]);
  // The second label may be a conflict, which is retried.
  for (const result of results) assert.ok(result.status === "fulfilled" || isConflict(result.reason));
  const created = scene.server.requests.filter(({ method, resource, status }) =>
    method === "POST" && resource === "pods" && status === 201
  );
  // One of them is the build itself.
  assert.equal(created.length, 2);
  assert.ok(isScanned(await scene.cluster.get("pods", NAMESPACE, KEY.name)));
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
