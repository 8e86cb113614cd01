import assert from "node:assert/strict";
import { TerminalError } from "../../../lib/errors.ts";
import { type Reconcile, runController } from "../../../lib/kube/controller.ts";
import { KubeError } from "../../../lib/kube/errors.ts";
import { WorkQueue } from "../../../lib/kube/work_queue.ts";
import { ManualClock, turn } from "../../fixtures/clock.ts";
import { MemoryLogger } from "../../fixtures/recorders.ts";

const key = { namespace: "main", name: "web" };

/** Runs one worker on one key; each reconcile has the next outcome. */
async function run(...outcomes: readonly (() => ReturnType<Reconcile>)[]) {
  const clock = new ManualClock();
  const queue = new WorkQueue({ clock, random: () => 1 });
  const log = new MemoryLogger();
  const controller = new AbortController();
  const killer = new AbortController();
  const times: number[] = [];
  const start = clock.now();
  const running = runController({
    name: "test",
    queue,
    concurrency: 1,
    log,
    signal: controller.signal,
    killSignal: killer.signal,
    reconcile: () => {
      times.push(clock.now() - start);
      return (outcomes[times.length - 1] ?? (() => Promise.resolve({})))();
    },
  });
  queue.add(key);
  await clock.advance(10 * 60 * 1000);
  controller.abort();
  await running;
  queue.close();
  return { times, levels: log.lines.map(({ level }) => level) };
}

Deno.test("runController() requeues only when the reconcile asks for it", async () => {
  const { times } = await run(() => Promise.resolve({ requeueAfterMs: 60_000 }));
  assert.deepEqual(times, [0, 60_000]);
});

Deno.test("runController() backs off after failures, and resets the backoff after a success", async () => {
  const fail = () => Promise.reject(new Error("broken"));
  const { times, levels } = await run(fail, fail, () => Promise.resolve({ requeueAfterMs: 1000 }), fail);
  assert.deepEqual(times, [0, 500, 1500, 2500, 3000]);
  assert.deepEqual(levels, ["error", "error", "error"]);
});

Deno.test("runController() takes no key until Retry-After has passed", async () => {
  const busy = () => Promise.reject(new KubeError("busy", { status: 429, retryAfterMs: 20_000 }));
  const { times } = await run(busy, () => Promise.resolve({}));
  assert.deepEqual(times, [0, 20_000]);
});

Deno.test("runController() does not retry a terminal error", async () => {
  const { times, levels } = await run(() => Promise.reject(new TerminalError("poison", "Cannot send")));
  assert.deepEqual(times, [0]);
  assert.deepEqual(levels, ["error"]);
});

Deno.test("runController() retries a conflict and logs it at debug", async () => {
  const { times, levels } = await run(() => Promise.reject(new KubeError("newer", { status: 409 })));
  assert.deepEqual(times, [0, 500]);
  assert.deepEqual(levels, ["debug"]);
});

Deno.test("runController() finishes the reconcile in progress when it stops, and takes no more keys", async () => {
  const queue = new WorkQueue({ clock: new ManualClock(), random: () => 1 });
  const controller = new AbortController();
  const work = Promise.withResolvers<Record<never, never>>();
  const started: string[] = [];
  let stopped = false;
  const running = runController({
    name: "test",
    queue,
    concurrency: 1,
    log: new MemoryLogger(),
    signal: controller.signal,
    killSignal: new AbortController().signal,
    reconcile: ({ name }) => {
      started.push(name);
      return work.promise;
    },
  }).then(() => stopped = true);
  queue.add(key);
  queue.add({ namespace: "main", name: "other" });
  await turn();
  controller.abort();
  await turn();
  assert.equal(stopped, false);
  work.resolve({});
  await running;
  assert.deepEqual(started, ["web"]);
});
