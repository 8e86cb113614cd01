/** Failing connections to a real kube-apiserver. The program's time is simulated, the network is not. */
import assert from "node:assert/strict";
import { ManualClock } from "../fixtures/clock.ts";
import {
  ignoredWithoutApiserver,
  type KubeApiserver,
  startKubeApiserver,
} from "../fixtures/kube_apiserver.ts";
import { type FaultScene, startFaultScene } from "../suites/fault_scene.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Every message of a request whose connection is broken or dead. */
const UNREACHABLE =
  /^(Watch interrupted|Reconcile failed): .*(error sending request|error reading a body|No answer within|connection)/;

let shared: Promise<KubeApiserver> | undefined;
let count = 0;

Deno.test.afterAll(async () => {
  await (await shared)?.[Symbol.asyncDispose]();
});

function test(story: string, run: (scene: FaultScene) => Promise<void>): void {
  Deno.test({
    ...ignoredWithoutApiserver(`kube-apiserver: ${story}`),
    fn: async () => {
      shared ??= startKubeApiserver();
      const { url, token, caCertificate } = await shared;
      const namespace = `faults-${++count}`;
      const clock = new ManualClock();
      await using scene = await startFaultScene({ url, token, caCertificate, namespace, clock });
      await run(scene);
    },
  });
}

function many(amount: number): string[] {
  return Array.from({ length: amount }, (_, index) => `many-${index}`);
}

test("connections cut during a drain cause no loss and no duplicate", async (scene) => {
  const { proxy, publisher } = scene;
  publisher.beforeConfirm = () => {
    if (publisher.messages.length % 20 === 10) proxy.cut();
  };
  const names = many(50);
  await Promise.all(names.map((name) => scene.create(name)));
  await scene.untilSent(...names);
  await scene.verify(names, [UNREACHABLE]);
});

test("answers lost during a drain cause no loss and no duplicate", async (scene) => {
  const { proxy, publisher } = scene;
  publisher.beforeConfirm = () => {
    // The server still carries out later requests.
    if (publisher.messages.length === 5) proxy.silence("to-client");
  };
  const names = many(10);
  await Promise.all(names.map((name) => scene.create(name)));
  await scene.passUntil(() => scene.sent().length > 5);
  await scene.pass(20 * SECOND);
  proxy.restore();
  await scene.pass(3 * MINUTE);
  await scene.untilSent(...names);
  await scene.verify(names, [UNREACHABLE]);
});

test("silent connections are abandoned, and what was created meanwhile is sent", async (scene) => {
  const { proxy, asked } = scene;
  proxy.silence();
  const { length } = asked;
  await scene.create("during");
  await scene.pass(2 * MINUTE);
  assert.equal(asked.length, length);
  proxy.restore();
  // Twice the idle limit: a new watch may first use a pooled connection that is dead, too. In real time those are closed
  // after 90 seconds.
  await scene.pass(5 * MINUTE);
  await scene.untilSent("during");
  await scene.verify(["during"], [UNREACHABLE]);
});

test("after minutes without a server, what changed meanwhile is sent", async (scene) => {
  const { cluster, namespace, proxy } = scene;
  proxy.refuse();
  await scene.create("during");
  await scene.create("short-lived");
  await cluster.delete("configmaps", namespace, "short-lived");
  await scene.pass(6 * MINUTE);
  assert.ok(Object.values(scene.checks).every((isAlive) => !isAlive()));
  proxy.restore();
  await scene.untilSent("during");
  await scene.passUntil(() => Object.values(scene.checks).every((isAlive) => isAlive()));
  await scene.verify(["during"], [UNREACHABLE]);
});
