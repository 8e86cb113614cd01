import assert from "node:assert/strict";
import { FairGate } from "../../lib/fair_gate.ts";
import { turn } from "../fixtures/clock.ts";

const NEVER = new AbortController().signal;

/** Has owners come to a gate, and tells who is inside. */
function comers(places: number) {
  const gate = new FairGate(places);
  const inside = new Map<string, Disposable>();
  const come = (name: string, signal = NEVER) =>
    gate.enter(name.split(" ")[0]!, signal).then((place) => void inside.set(name, place));
  const leave = async (name: string) => {
    inside.get(name)![Symbol.dispose]();
    inside.delete(name);
    await turn();
  };
  return { come, leave, names: () => [...inside.keys()] };
}

Deno.test("FairGate lets in one of each owner, and in the order of coming who waits", async () => {
  const { come, leave, names } = comers(2);
  for (const name of ["a 1", "a 2", "a 3", "b 1", "c 1"]) come(name);
  await turn();
  assert.deepEqual(names(), ["a 1", "b 1"]);
  await leave("b 1");
  assert.deepEqual(names(), ["a 1", "c 1"]);
  await leave("a 1");
  assert.deepEqual(names(), ["c 1", "a 2"]);
  await leave("a 2");
  assert.deepEqual(names(), ["c 1", "a 3"]);
});

Deno.test("FairGate forgets who gives up, and they take no place", async () => {
  const { come, leave, names } = comers(1);
  come("a 1");
  const given = new AbortController();
  const waiting = come("b 1", given.signal);
  come("c 1");
  given.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  await leave("a 1");
  assert.deepEqual(names(), ["c 1"]);
  await assert.rejects(come("d 1", given.signal), /enough/);
});
