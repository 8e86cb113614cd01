import assert from "node:assert/strict";
import { ByteBudget } from "../../lib/byte_budget.ts";
import { turn } from "../fixtures/clock.ts";

const { signal } = new AbortController();

Deno.test("ByteBudget admits up to its total, and the next when enough was given back", async () => {
  const budget = new ByteBudget(10);
  const first = await budget.reserve(6, { signal });
  await budget.reserve(4, { signal });
  let admitted = false;
  const third = budget.reserve(5, { signal }).then(() => admitted = true);
  first.shrink(2);
  await turn();
  assert.equal(admitted, false);
  first.shrink(1);
  await third;
  assert.equal(budget.held, 10);
});

Deno.test("ByteBudget lets nobody overtake, however little is asked for", async () => {
  const budget = new ByteBudget(10);
  const first = await budget.reserve(9, { signal });
  const order: string[] = [];
  const large = budget.reserve(8, { signal }).then(() => order.push("large"));
  const small = budget.reserve(1, { signal }).then(() => order.push("small"));
  await turn();
  assert.deepEqual(order, []);
  first[Symbol.dispose]();
  await Promise.all([large, small]);
  assert.deepEqual(order, ["large", "small"]);
});

Deno.test("ByteBudget admits alone what is larger than all of it", async () => {
  const budget = new ByteBudget(10);
  const first = await budget.reserve(1, { signal });
  let admitted = false;
  const huge = budget.reserve(100, { signal }).then((held) => {
    admitted = true;
    return held;
  });
  await turn();
  assert.equal(admitted, false);
  first[Symbol.dispose]();
  (await huge)[Symbol.dispose]();
  assert.equal(budget.held, 0);
});

Deno.test("ByteBudget forgets who gave up waiting, and counts nothing twice", async () => {
  const budget = new ByteBudget(10);
  const first = await budget.reserve(10, { signal });
  const controller = new AbortController();
  const waiting = budget.reserve(10, { signal: controller.signal });
  const behind = budget.reserve(1, { signal });
  controller.abort(new Error("stop"));
  await assert.rejects(waiting, { message: "stop" });
  await assert.rejects(budget.reserve(1, { signal: controller.signal }), { message: "stop" });
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal((await behind) && budget.held, 1);
});
