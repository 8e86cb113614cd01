import assert from "node:assert/strict";
import { RepairBackoff } from "../../controllers/repair_backoff.ts";
import { ManualClock } from "../fixtures/clock.ts";

const MINUTE_MS = 60_000;

/** Pauses without jitter are between half and all of their length; this one is all of it. */
const LONGEST = () => 1;

Deno.test("the pause after a repair doubles with each repair, up to five minutes", async () => {
  const clock = new ManualClock();
  const backoff = new RepairBackoff(clock, LONGEST);
  assert.ok(backoff.waitMs("a") <= 0, "the first repair waits for nothing");
  const pauses: number[] = [];
  for (let repairs = 0; repairs < 10; repairs++) {
    backoff.add("a");
    pauses.push(backoff.waitMs("a"));
    await clock.advance(pauses.at(-1)! - 1);
    assert.equal(backoff.waitMs("a"), 1);
    await clock.advance(1);
    assert.ok(backoff.waitMs("a") <= 0);
  }
  const seconds = [2, 4, 8, 16, 32, 64, 128, 256, 300, 300];
  assert.deepEqual(pauses, seconds.map((pause) => pause * 1000));
});

Deno.test("replicas don't repair in step: the pause has jitter", () => {
  const backoff = new RepairBackoff(new ManualClock(), () => 0);
  backoff.add("a");
  assert.equal(backoff.waitMs("a"), 1000);
});

Deno.test("each object has its own pause, until it is gone", () => {
  const backoff = new RepairBackoff(new ManualClock(), LONGEST);
  backoff.add("a");
  assert.ok(backoff.waitMs("b") <= 0);
  backoff.forget("a");
  assert.ok(backoff.waitMs("a") <= 0);
  backoff.add("a");
  assert.equal(backoff.waitMs("a"), 2000);
});

Deno.test("an object that stayed good for ten minutes after its pause starts again with a short one", async () => {
  const clock = new ManualClock();
  const backoff = new RepairBackoff(clock, LONGEST);
  for (const quiet of [10 * MINUTE_MS - 1, 10 * MINUTE_MS]) {
    backoff.forget("a");
    backoff.add("a");
    await clock.advance(2000 + quiet);
    backoff.add("a");
    assert.equal(backoff.waitMs("a"), quiet < 10 * MINUTE_MS ? 4000 : 2000);
  }
});
