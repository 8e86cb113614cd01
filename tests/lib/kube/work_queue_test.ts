import assert from "node:assert/strict";
import { formatKey, type ObjectKey } from "../../../lib/kube/objects.ts";
import { WorkQueue } from "../../../lib/kube/work_queue.ts";
import { ManualClock } from "../../fixtures/clock.ts";

const { signal } = new AbortController();

function setUp() {
  const clock = new ManualClock();
  return { clock, queue: new WorkQueue({ clock, random: () => 1 }) };
}

function key(text: string): ObjectKey {
  const [namespace = "", name = ""] = text.split("/");
  return { namespace, name };
}

/** Takes and finishes all ready keys. */
async function drain(queue: WorkQueue): Promise<string[]> {
  const taken: string[] = [];
  while (queue.readyCount > 0) {
    const next = await queue.get(signal);
    assert.ok(next);
    taken.push(formatKey(next));
    queue.done(next);
  }
  return taken;
}

Deno.test("WorkQueue.add() queues a key once however often it is added", async () => {
  const { queue } = setUp();
  for (let i = 0; i < 3; i++) queue.add(key("a/1"));
  assert.deepEqual(await drain(queue), ["a/1"]);
});

Deno.test("WorkQueue.get() takes keys from namespaces in turn", async () => {
  const { queue } = setUp();
  for (const text of ["a/1", "a/2", "a/3", "b/1", "c/1", "b/2"]) queue.add(key(text));
  assert.deepEqual(await drain(queue), ["a/1", "b/1", "c/1", "a/2", "b/2", "a/3"]);
});

Deno.test("WorkQueue doesn't hand out a key in progress, and hands it out again afterwards", async () => {
  const { queue } = setUp();
  queue.add(key("a/1"));
  const first = await queue.get(signal);
  assert.ok(first);
  queue.add(key("a/1"));
  queue.add(key("a/1"));
  assert.equal(queue.readyCount, 0);
  queue.done(first);
  assert.deepEqual(await drain(queue), ["a/1"]);
});

Deno.test("WorkQueue.get() waits for a key, and gives each waiting worker a different one", async () => {
  const { queue } = setUp();
  const workers = [queue.get(signal), queue.get(signal)];
  queue.add(key("a/1"));
  queue.add(key("b/1"));
  assert.deepEqual((await Promise.all(workers)).map((taken) => taken && formatKey(taken)), ["a/1", "b/1"]);
});

Deno.test("WorkQueue.get() resolves with undefined when its signal aborts, also while it waits", async () => {
  const { queue } = setUp();
  const controller = new AbortController();
  const waiting = queue.get(controller.signal);
  controller.abort();
  assert.equal(await waiting, undefined);
  queue.add(key("a/1"));
  assert.equal(await queue.get(controller.signal), undefined);
  assert.equal(queue.readyCount, 1);
});

Deno.test("WorkQueue.addAfter() queues a key at the earliest of its times", async () => {
  const { clock, queue } = setUp();
  queue.addAfter(key("a/1"), 5000);
  queue.addAfter(key("a/1"), 1000);
  queue.addAfter(key("a/1"), 9000);
  queue.addAfter(key("b/1"), 3000);
  await clock.advance(999);
  assert.equal(queue.readyCount, 0);
  await clock.advance(1);
  assert.deepEqual(await drain(queue), ["a/1"]);
  await clock.advance(2000);
  assert.deepEqual(await drain(queue), ["b/1"]);
  await clock.advance(60_000);
  assert.equal(queue.readyCount, 0);
});

Deno.test("WorkQueue.addAfter() without a delay queues at once", async () => {
  const { queue } = setUp();
  queue.addAfter(key("a/1"), -1);
  assert.deepEqual(await drain(queue), ["a/1"]);
});

Deno.test("WorkQueue.retry() backs off until the key is forgotten", async () => {
  const { clock, queue } = setUp();
  for (const wait of [500, 1000, 2000]) {
    queue.retry(key("a/1"));
    await clock.advance(wait - 1);
    assert.equal(queue.readyCount, 0, `before ${wait} ms`);
    await clock.advance(1);
    assert.deepEqual(await drain(queue), ["a/1"]);
  }
  queue.forget(key("a/1"));
  queue.retry(key("a/1"));
  await clock.advance(500);
  assert.deepEqual(await drain(queue), ["a/1"]);
});

Deno.test("WorkQueue.close() leaves no timer behind", () => {
  const { clock, queue } = setUp();
  queue.addAfter(key("a/1"), 1000);
  assert.equal(clock.pending, 1);
  queue.close();
  assert.equal(clock.pending, 0);
  assert.equal(queue.waitingCount, 0);
});

Deno.test("WorkQueue.hold() hands out nothing until the longest hold is over, then everything", async () => {
  const { clock, queue } = setUp();
  const taken: string[] = [];
  const take = async () => {
    const next = await queue.get(signal);
    if (next) taken.push(formatKey(next));
  };
  const takers = [take(), take()];
  queue.hold(20_000);
  queue.hold(1_000);
  queue.add(key("a/1"));
  queue.add(key("b/1"));
  await clock.advance(19_999);
  assert.deepEqual(taken, []);
  await clock.advance(1);
  await Promise.all(takers);
  assert.deepEqual(taken, ["a/1", "b/1"]);
});

Deno.test("WorkQueue.close() ends a hold", () => {
  const { clock, queue } = setUp();
  queue.hold(1000);
  queue.close();
  assert.equal(clock.pending, 0);
});
