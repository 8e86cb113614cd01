/** Failing watches and lists, on the embedded API server and in simulated time. */
import assert from "node:assert/strict";
import {
  breakWatches,
  BROKEN_OFF,
  collectGarbage,
  count,
  type EmbeddedScene,
  isProgram,
  isWatchOf,
  RESOURCES,
  testFault as test,
} from "../suites/embedded_faults.ts";
import { trouble } from "../suites/fault_scene.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** Records when the program asks for ConfigMaps, in simulated time. */
function noteConfigMapRequests(
  { server, clock }: EmbeddedScene,
): { readonly what: string; readonly at: number }[] {
  const seen: { what: string; at: number }[] = [];
  server.faults.add({
    fault: { kind: "status", status: 500 },
    match: (request) => {
      const { pathname, searchParams } = new URL(request.url);
      const what = searchParams.has("watch") ? "watch" : `${request.method} ${pathname.split("/").at(-1)}`;
      if (isProgram(request) && pathname.includes("configmaps")) seen.push({ what, at: clock.now() });
      return false;
    },
  });
  return seen;
}

test("a watch that the server ends every few minutes resumes without a list or a warning", async (scene) => {
  const names = ["a", "b", "c"];
  for (const name of names) {
    await scene.create(name);
    await scene.untilSent(name);
    await scene.pass(4 * MINUTE);
  }
  assert.ok(count(scene, "watch", "configmaps") >= 3);
  for (const resource of RESOURCES) assert.equal(count(scene, "list", resource), 1);
  await scene.verify(names, []);
});

test("a watch without events for ten minutes stays alive", async (scene) => {
  await scene.pass(10 * MINUTE);
  assert.deepEqual(Object.values(scene.checks).map((isAlive) => isAlive()), [true, true, true]);
  for (const resource of RESOURCES) assert.equal(count(scene, "list", resource), 1);
  await scene.verify([], []);
});

test("a watch that breaks in the middle of a line resumes from its last event", async (scene) => {
  await breakWatches(scene);
  await scene.create("during");
  assert.ok(await scene.untilSent("during") <= 3 * SECOND);
  for (const resource of RESOURCES) assert.equal(count(scene, "list", resource), 1);
  await scene.verify(["during"], [BROKEN_OFF]);
});

test("a silent watch is abandoned after 150 seconds", async (scene) => {
  scene.server.silenceWatches();
  await scene.create("during");
  await scene.pass(140 * SECOND);
  await collectGarbage();
  assert.equal(count(scene, "watch", "configmaps"), 1);
  assert.ok(await scene.untilSent("during") <= 15 * SECOND);
  for (const resource of RESOURCES) assert.equal(count(scene, "list", resource), 1);
  await scene.verify(["during"], [/^Watch interrupted: .*No answer within 150 s/]);
});

test("a watch that is answered with 410 starts with a new list, which also reports what has gone", async (scene) => {
  await scene.create("first");
  await scene.untilSent("first");
  scene.server.faults.add({ fault: { kind: "status", status: 410 }, match: isWatchOf("configmaps") });
  await breakWatches(scene);
  await scene.create("during");
  await scene.cluster.delete("configmaps", scene.namespace, "first");
  await scene.untilSent("during");
  assert.equal(count(scene, "list", "configmaps"), 2);
  assert.equal(count(scene, "list", "secrets"), 1);
  await scene.verify(["first", "during"], [BROKEN_OFF, /^Watch interrupted: configmaps: .*answered 410/]);
});

test("a watch that ends with a 410 event starts with a new list", async (scene) => {
  await breakWatches(scene);
  await scene.create("during");
  await scene.cluster.delete("secrets", scene.namespace, "insights-token");
  scene.server.compact();
  await scene.untilSent("during");
  await scene.pass(10 * SECOND);
  for (const resource of RESOURCES) assert.equal(count(scene, "list", resource), 2);
  assert.ok(scene.server.get("secrets", scene.namespace, "insights-token"));
  await scene.verify(["during"], [BROKEN_OFF, /^Watch interrupted: .*answered 410/]);
});

test("a list whose next page has expired restarts, and nothing is sent twice", async (scene) => {
  const { server } = scene;
  const names = Array.from({ length: 1005 }, (_, index) => `many-${index}`);
  await breakWatches(scene);
  for (const name of names) await scene.create(name);
  server.compact();
  let expirations = 0;
  const expire = ({ url }: Request) => {
    if (new URL(url).searchParams.has("continue") && ++expirations === 1) server.compact();
    return false;
  };
  server.faults.add({ fault: { kind: "status", status: 500 }, match: expire });
  await scene.untilSent(...names);
  assert.equal(scene.asked.filter(({ continues }) => continues).length, expirations);
  assert.ok(expirations >= 1);
  const { length } = trouble(scene.log).filter((line) => line.includes("Cannot list configmaps"));
  assert.equal(length, 1);
  await scene.verify(names, [BROKEN_OFF, /^Watch interrupted: \w+: Cannot (watch|list) \w+ .*answered 410/]);
});

test("a line that is not an event ends the watch, which resumes from its last event", async (scene) => {
  scene.server.faults.add({ fault: { kind: "malformed" }, match: isWatchOf("configmaps") });
  await breakWatches(scene);
  await scene.create("during");
  await scene.untilSent("during");
  assert.equal(count(scene, "list", "configmaps"), 1);
  await scene.verify(["during"], [BROKEN_OFF, /^Watch interrupted: configmaps: .*not a watch event/]);
});

test("a watch and a list that are answered with 429 honour Retry-After", async (scene) => {
  const { server } = scene;
  const busy = { kind: "status", status: 429, retryAfterSeconds: 20 } as const;
  const seen = noteConfigMapRequests(scene);
  server.faults.add({ fault: busy, match: isWatchOf("configmaps") });
  await breakWatches(scene);
  await scene.passUntil(() => seen.length === 1);
  await scene.create("during");
  server.compact();
  await scene.passUntil(() => seen.length === 2);
  server.faults.add({ fault: busy, match: ({ url }) => new URL(url).pathname === "/api/v1/configmaps" });
  await scene.untilSent("during");
  const requests = seen.slice(0, 4);
  assert.deepEqual(requests.map(({ what }) => what), ["watch", "watch", "GET configmaps", "GET configmaps"]);
  const gaps = requests.map(({ at }, index) => at - (requests[index - 1]?.at ?? at));
  assert.ok((gaps[1] ?? 0) >= 20 * SECOND && (gaps[3] ?? 0) >= 20 * SECOND, `${gaps}`);
  await scene.verify(["during"], [BROKEN_OFF, /^Watch interrupted: .*answered (410|429)/]);
});

test("a read of a ConfigMap that is answered with 429 honours Retry-After", async (scene) => {
  const seen = noteConfigMapRequests(scene);
  scene.server.faults.add({
    fault: { kind: "status", status: 429, retryAfterSeconds: 20 },
    match: (request) => isProgram(request) && request.url.endsWith("/configmaps/during"),
  });
  await scene.create("during");
  await scene.untilSent("during");
  const [refused, repeated] = seen.filter(({ what }) => what === "GET during");
  assert.ok(refused && repeated && repeated.at - refused.at >= 20 * SECOND);
  await scene.verify(["during"], [/^Reconcile failed: proj-main\/during: .*answered 429/]);
});
