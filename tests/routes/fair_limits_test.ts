import assert from "node:assert/strict";
import fc from "fast-check";
import { FairGate, FairSlots } from "../../routes/fair_limits.ts";
import { ManualClock, turn } from "../fixtures/clock.ts";

const NEVER = new AbortController().signal;

/** Takes slots until there is none; gives what was taken. */
function takeAll(slots: FairSlots, environment: string): Disposable[] {
  const taken: Disposable[] = [];
  for (let slot = slots.take(environment); slot; slot = slots.take(environment)) taken.push(slot);
  return taken;
}

Deno.test("FairSlots gives one environment half, and leaves slots for others", () => {
  const slots = new FairSlots(100);
  assert.equal(takeAll(slots, "a").length, 50);
  assert.equal(takeAll(slots, "b").length, 33);
  assert.equal(takeAll(slots, "c").length, 17);
  assert.equal(slots.used, 100);
  assert.equal(slots.take("d"), undefined);
});

Deno.test("FairSlots gives each environment at least one slot while any is free", () => {
  const slots = new FairSlots(4);
  for (const environment of ["a", "b", "c", "d"]) assert.notEqual(slots.take(environment), undefined);
  assert.equal(slots.take("e"), undefined);
});

Deno.test("FairSlots gives a slot that was returned to any environment", () => {
  const slots = new FairSlots(4);
  const [first] = takeAll(slots, "a");
  assert.equal(slots.take("a"), undefined);
  first![Symbol.dispose]();
  assert.notEqual(slots.take("b"), undefined);
  assert.equal(slots.used, 2);
});

Deno.test("FairSlots never exceeds the total or half for one environment, and counts exactly", () => {
  const step = fc.record({ environment: fc.constantFrom("a", "b", "c"), take: fc.boolean() });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const slots = new FairSlots(12);
    const taken: Record<string, Disposable[]> = { a: [], b: [], c: [] };
    for (const { environment, take } of steps) {
      const own = taken[environment]!;
      if (!take) own.pop()?.[Symbol.dispose]();
      else {
        const slot = slots.take(environment);
        if (slot) own.push(slot);
      }
      assert.equal(slots.used, Object.values(taken).flat().length);
      assert.ok(slots.used <= 12 && own.length <= 6);
    }
    for (const slot of Object.values(taken).flat()) slot[Symbol.dispose]();
    assert.equal(slots.used, 0);
    assert.equal(takeAll(slots, "a").length, 6);
  }));
});

/** Requests that enter a gate, named such as `a 1` after their environment. */
function requestsAt(capacity: number) {
  const clock = new ManualClock();
  const gate = new FairGate({ capacity, maxWaiting: 40, maxWaitingEach: 8 }, clock);
  const inside = new Map<string, Disposable>();
  const enter = (name: string, signal = NEVER) =>
    gate.enter(name.split(" ")[0]!, signal).then((entry) => void inside.set(name, entry));
  const leave = async (name: string) => {
    inside.get(name)![Symbol.dispose]();
    inside.delete(name);
    await turn();
  };
  return { gate, clock, enter, leave, names: () => [...inside.keys()] };
}

Deno.test("FairGate admits one request per environment, in order of arrival", async () => {
  const { enter, leave, names } = requestsAt(2);
  for (const name of ["a 1", "a 2", "a 3", "b 1", "c 1"]) enter(name);
  await turn();
  assert.deepEqual(names(), ["a 1", "b 1"]);
  await leave("b 1");
  assert.deepEqual(names(), ["a 1", "c 1"]);
  await leave("a 1");
  assert.deepEqual(names(), ["c 1", "a 2"]);
  await leave("a 2");
  assert.deepEqual(names(), ["c 1", "a 3"]);
});

Deno.test("FairGate admits the environment first that was inside for the shortest time", async () => {
  const { gate, clock, enter, leave, names } = requestsAt(1);
  for (const name of ["a 1", "a 2", "b 1", "b 2"]) enter(name);
  await turn();
  assert.equal(gate.isContended, true);
  for (const [name, milliseconds] of [["a 1", 3000], ["b 1", 10], ["b 2", 10]] as const) {
    assert.deepEqual(names(), [name]);
    await clock.advance(milliseconds);
    await leave(name);
  }
  assert.deepEqual([names(), gate.isContended], [["a 2"], false]);
  enter("c 1");
  await leave("a 2");
  await leave("c 1");
  // An empty gate forgets how long each environment was inside.
  for (const name of ["c 2", "a 3", "b 3"]) enter(name);
  await turn();
  await leave("c 2");
  assert.deepEqual(names(), ["a 3"]);
});

Deno.test("FairGate skips a request that stopped waiting", async () => {
  const { enter, leave, names } = requestsAt(1);
  enter("a 1");
  const canceled = new AbortController();
  const waiting = enter("b 1", canceled.signal);
  enter("c 1");
  canceled.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  await leave("a 1");
  assert.deepEqual(names(), ["c 1"]);
  await assert.rejects(enter("d 1", canceled.signal), /enough/);
});

Deno.test("FairGate rejects at once what exceeds the number that may wait, of one environment and of all", async () => {
  const { enter, leave, names } = requestsAt(1);
  enter("a 1");
  await turn();
  for (let index = 2; index <= 9; index++) enter(`a ${index}`);
  await assert.rejects(enter("a 10"), /Too many/);
  for (let index = 1; index <= 32; index++) enter(`b${index} 1`);
  await assert.rejects(enter("c 1"), /Too many/);
  await leave("a 1");
  assert.deepEqual(names(), ["a 2"]);
  enter("c 2");
  await assert.rejects(enter("d 1"), /Too many/);
});
