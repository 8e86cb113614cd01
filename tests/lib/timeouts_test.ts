import assert from "node:assert/strict";
import { Timeouts } from "../../lib/timeouts.ts";
import { ManualClock } from "../fixtures/clock.ts";

function limit(milliseconds: number) {
  const clock = new ManualClock();
  const timeouts = new Timeouts(clock, milliseconds);
  const over: string[] = [];
  return { clock, over, start: (name: string) => timeouts.start(() => over.push(name)) };
}

Deno.test("Each wait ends after the limit from its own beginning, in their order", async () => {
  const { clock, over, start } = limit(100);
  start("a");
  start("b");
  await clock.advance(60);
  start("c");
  await clock.advance(39);
  assert.deepEqual(over, []);
  await clock.advance(1);
  assert.deepEqual(over, ["a", "b"]);
  await clock.advance(59);
  assert.deepEqual(over, ["a", "b"]);
  await clock.advance(1);
  assert.deepEqual(over, ["a", "b", "c"]);
  assert.equal(clock.pending, 0);
});

Deno.test("A wait that is over in time is not told of, and the others are, with one timer for all", async () => {
  const { clock, over, start } = limit(100);
  const first = start("a");
  await clock.advance(10);
  start("b");
  assert.equal(clock.pending, 1);
  first[Symbol.dispose]();
  await clock.advance(99);
  assert.deepEqual(over, []);
  await clock.advance(1);
  assert.deepEqual(over, ["b"]);
});

Deno.test("When nobody waits, no timer is left, and the next wait has its whole time", async () => {
  const { clock, over, start } = limit(100);
  start("a")[Symbol.dispose]();
  assert.equal(clock.pending, 0);
  await clock.advance(50);
  start("b");
  await clock.advance(99);
  assert.deepEqual(over, []);
  await clock.advance(1);
  assert.deepEqual(over, ["b"]);
});

Deno.test("What is done at a wait's end may begin another one", async () => {
  const clock = new ManualClock();
  const timeouts = new Timeouts(clock, 100);
  let count = 0;
  const again = () => {
    count++;
    if (count < 3) timeouts.start(again);
  };
  timeouts.start(again);
  await clock.advance(300);
  assert.equal(count, 3);
  assert.equal(clock.pending, 0);
});
