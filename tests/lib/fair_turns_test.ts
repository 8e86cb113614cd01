import assert from "node:assert/strict";
import { FairTurns } from "../../lib/fair_turns.ts";
import { ManualClock } from "../fixtures/clock.ts";

/** Turns whose pieces take so many milliseconds each; the owner and number of each is kept. */
function setUp(pieceMs: number) {
  const clock = new ManualClock();
  let now = 0;
  const turns = new FairTurns({
    now: () => now,
    monotonic: () => now,
    setTimer: (...args) => clock.setTimer(...args),
  });
  const done: string[] = [];
  const work = (name: string) =>
    turns.run(name[0]!, () => {
      now += pieceMs;
      done.push(name);
    });
  return { turns, done, work };
}

Deno.test("owners take turns, however much each of them has to do, and each keeps its order", async () => {
  const { work, done } = setUp(10);
  await Promise.all(["a1", "a2", "a3", "a4", "b1", "b2", "c1"].map(work));
  assert.deepEqual(done, ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]);
});

Deno.test("after five milliseconds of work, everything else has its time", async () => {
  const { work, done } = setUp(2);
  const pieces = ["a1", "a2", "a3", "a4", "a5"].map(work);
  setTimeout(() => done.push("other"), 0);
  await Promise.all(pieces);
  // The first one is done at once: nobody waited then.
  assert.deepEqual(done, ["a1", "a2", "a3", "a4", "other", "a5"]);
});

Deno.test("what the work throws is thrown, and the others go on", async () => {
  const { turns, work, done } = setUp(1);
  const failing = turns.run("a", () => {
    throw new Error("broken");
  });
  await Promise.all([assert.rejects(failing, { message: "broken" }), work("a2"), work("b1")]);
  assert.deepEqual(done, ["a2", "b1"]);
});

Deno.test("who comes when nobody waits is served as well", async () => {
  const { work, done } = setUp(1);
  await work("a1");
  await work("a2");
  await new Promise((resolve) => setTimeout(resolve, 5));
  await work("a3");
  assert.deepEqual(done, ["a1", "a2", "a3"]);
});
