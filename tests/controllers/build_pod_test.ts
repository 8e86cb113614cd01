/** Races between the requests of one scan; everything else about builds is in tests/suites/scanner_suite.ts. */
import assert from "node:assert/strict";
import { BUILD_POD_SELECTOR, createScanController } from "../../controllers/build_pod.ts";
import { TerminalError } from "../../lib/errors.ts";
import { isConflict, KubeError } from "../../lib/kube/errors.ts";
import { isScanned, KEY, NAMESPACE, OPTIONS, setUp } from "../fixtures/build_scene.ts";
import { MemoryLogger } from "../fixtures/recorders.ts";

const { signal } = new AbortController();

Deno.test("the selector excludes scanned builds and scanners", () => {
  assert.equal(
    BUILD_POD_SELECTOR,
    "lagoon.sh/buildName,!insights.lagoon.sh/scanned,!insights.lagoon.sh/scan-status",
  );
});

Deno.test("a scanner's image that can change is a warning at the start", async () => {
  await using scene = await setUp();
  const warningsOf = (image: string): number => {
    const log = new MemoryLogger();
    createScanController({ ...scene.parts, log }, { ...OPTIONS, image });
    return log.with("BUILD_SCANNER_IMAGE can change at any time: name its digest").length;
  };
  for (const image of ["scanner", "scanner:latest", "registry:5000/scanner", "r.example/a/scanner:latest"]) {
    assert.equal(warningsOf(image), 1, image);
  }
  for (const image of ["scanner:1", "registry:5000/a/scanner:v2", "r.example/scanner@sha256:aa"]) {
    assert.equal(warningsOf(image), 0, image);
  }
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
