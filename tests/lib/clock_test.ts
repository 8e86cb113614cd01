import assert from "node:assert/strict";
import { backoff, deadline, delay, LONGEST_TIMER_MS, systemClock, unlessAborted } from "../../lib/clock.ts";
import { ManualClock } from "../fixtures/clock.ts";

Deno.test("delay() resolves after its time and not before", async () => {
  const clock = new ManualClock();
  let over = false;
  const waiting = delay(clock, 1000, new AbortController().signal).then(() => over = true);
  await clock.advance(999);
  assert.equal(over, false);
  await clock.advance(1);
  await waiting;
});

Deno.test("delay() rejects with the signal's reason and leaves no timer behind", async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const waiting = delay(clock, 1000, controller.signal);
  controller.abort(new Error("stop"));
  await assert.rejects(waiting, { message: "stop" });
  assert.equal(clock.pending, 0);
  await assert.rejects(delay(clock, 1000, controller.signal), { message: "stop" });
  assert.equal(clock.pending, 0);
});

Deno.test("deadline() aborts after its limit, later when extended, and never once disposed of", async () => {
  const clock = new ManualClock();
  const limit = deadline(clock, 1000);
  await clock.advance(900);
  limit.extend();
  await clock.advance(900);
  assert.equal(limit.signal.aborted, false);
  await clock.advance(100);
  assert.equal(limit.signal.reason.name, "TimeoutError");

  const disposed = deadline(clock, 1000);
  disposed[Symbol.dispose]();
  await clock.advance(2000);
  assert.equal(disposed.signal.aborted, false);
  assert.equal(clock.pending, 0);
});

Deno.test("deadline() aborts with its parent, even if that aborted before", () => {
  const clock = new ManualClock();
  const parent = new AbortController();
  using before = deadline(clock, 1000, parent.signal);
  parent.abort(new Error("parent"));
  using after = deadline(clock, 1000, parent.signal);
  assert.equal(before.signal.reason.message, "parent");
  assert.equal(after.signal.reason.message, "parent");
});

Deno.test("backoff() doubles up to its cap and keeps at least half of each wait", () => {
  const waits = (random: number) =>
    [0, 1, 2, 3, 100].map((attempt) => backoff(attempt, { baseMs: 100, capMs: 500, random: () => random }));
  assert.deepEqual(waits(0), [50, 100, 200, 250, 250]);
  assert.deepEqual(waits(1), [100, 200, 400, 500, 500]);
});

Deno.test("systemClock.setTimer() does not fire at once when the time exceeds the longest timer", async () => {
  let fired = false;
  const cancel = systemClock.setTimer(LONGEST_TIMER_MS * 10, () => fired = true);
  await new Promise<void>((resolve) => systemClock.setTimer(1, resolve));
  cancel();
  assert.equal(fired, false);
});

Deno.test("unlessAborted() gives the promise's outcome, or the signal's reason when it aborts first", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  assert.equal(await unlessAborted(Promise.resolve(1), signal), 1);
  await assert.rejects(unlessAborted(Promise.reject(new Error("failed")), signal), { message: "failed" });
  const pending = unlessAborted(new Promise(() => {}), signal);
  controller.abort(new Error("stop"));
  await assert.rejects(pending, { message: "stop" });
  await assert.rejects(unlessAborted(Promise.resolve(1), signal), { message: "stop" });
});

Deno.test("Setting the wall clock moves neither monotonic time nor a timer", async () => {
  const clock = new ManualClock();
  const startedAt = clock.now();
  let fired = false;
  clock.setTimer(1000, () => fired = true);
  clock.setWallTime(startedAt - 3_600_000);
  await clock.advance(1000);
  assert.equal(fired, true);
  assert.equal(clock.monotonic(), 1000);
  assert.equal(clock.now(), startedAt - 3_600_000 + 1000);
});
