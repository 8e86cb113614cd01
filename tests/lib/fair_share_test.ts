import assert from "node:assert/strict";
import fc from "fast-check";
import { FairShare, type Share } from "../../lib/fair_share.ts";

/** Takes one piece after the other, until none is given. */
function takeAll(limit: FairShare, owner: string): Share[] {
  const shares: Share[] = [];
  for (;;) {
    const share = limit.open(owner);
    if (!share.resize(1)) return shares;
    shares.push(share);
  }
}

Deno.test("one owner alone gets half, so that there is something left for others", () => {
  const limit = new FairShare({ total: 100, least: 1 });
  assert.equal(takeAll(limit, "a").length, 50);
  assert.equal(takeAll(limit, "b").length, 33);
  assert.equal(takeAll(limit, "c").length, 17);
  assert.equal(limit.held, 100);
});

Deno.test("what is given back can be taken again, by anybody", () => {
  const limit = new FairShare({ total: 4, least: 1 });
  const [first, second] = takeAll(limit, "a");
  assert.equal(limit.open("a").resize(1), false);
  first?.[Symbol.dispose]();
  assert.equal(limit.open("b").resize(1), true);
  second?.[Symbol.dispose]();
  // Twice is the same as once.
  second?.[Symbol.dispose]();
  assert.equal(limit.held, 1);
});

Deno.test("an owner may always have the least, as long as there is so much", () => {
  const limit = new FairShare({ total: 24, least: 10 });
  for (const owner of ["a", "b", "c", "d"]) assert.equal(limit.open(owner).resize(1), true);
  assert.equal(limit.open("e").resize(10), true);
  assert.equal(limit.open("f").resize(11), false);
  assert.equal(limit.open("f").resize(10), true);
  assert.equal(limit.held, 24);
  assert.equal(limit.open("g").resize(1), false);
});

Deno.test("a share that may not grow stays as it was, and may always shrink", () => {
  const limit = new FairShare({ total: 10, least: 1 });
  const share = limit.open("a");
  assert.equal(share.resize(5), true);
  assert.equal(share.resize(6), false);
  assert.equal(limit.held, 5);
  const other = limit.open("b");
  assert.equal(other.resize(3), true);
  // More than the part that is now theirs, but less than before.
  assert.equal(share.resize(4), true);
  assert.equal(share.resize(5), false);
});

Deno.test("whatever is asked for: never more than the total, never all for one, and nothing is lost", () => {
  const request = fc.record({ owner: fc.constantFrom("a", "b", "c"), slot: fc.nat(5), amount: fc.nat(40) });
  fc.assert(fc.property(fc.array(request), (requests) => {
    const limit = new FairShare({ total: 60, least: 10 });
    const shares = new Map<string, { share: Share; amount: number }>();
    for (const { owner, slot, amount } of requests) {
      const key = `${owner}${slot}`;
      const own = shares.get(key) ?? { share: limit.open(owner), amount: 0 };
      if (own.share.resize(amount)) own.amount = amount;
      shares.set(key, own);
      const held = [...shares.values()].reduce((sum, { amount }) => sum + amount, 0);
      assert.equal(limit.held, held);
      assert.ok(held <= 60);
      const ofOwner = [...shares].filter(([key]) => key.startsWith(owner)).reduce(
        (sum, [, { amount }]) => sum + amount,
        0,
      );
      assert.ok(ofOwner <= 30, `${owner} holds ${ofOwner}`);
    }
    for (const { share } of shares.values()) share[Symbol.dispose]();
    assert.equal(limit.held, 0);
  }));
});
