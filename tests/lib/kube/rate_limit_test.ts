import assert from "node:assert/strict";
import { createRateLimit, createRateLimits } from "../../../lib/kube/rate_limit.ts";
import { ManualClock } from "../../fixtures/clock.ts";

/** How many of ten calls are allowed. */
function countAllowed(isAllowed: () => boolean): number {
  return Array.from({ length: 10 }, isAllowed).filter(Boolean).length;
}

Deno.test("a rate limit allows a burst, then one call per interval, and never saves up more than a burst", async () => {
  const clock = new ManualClock();
  const isAllowed = createRateLimit({ clock, burst: 3, intervalMs: 1000 });
  assert.equal(countAllowed(isAllowed), 3);
  await clock.advance(999);
  assert.equal(countAllowed(isAllowed), 0);
  await clock.advance(1);
  assert.equal(countAllowed(isAllowed), 1);
  await clock.advance(1500);
  assert.equal(countAllowed(isAllowed), 1);
  await clock.advance(500);
  assert.equal(countAllowed(isAllowed), 1);
  await clock.advance(3_600_000);
  assert.equal(countAllowed(isAllowed), 3);
});

Deno.test("a rate limit does not depend on wall time", async () => {
  for (const wallTime of [0, Date.parse("2099-01-01T00:00:00Z")]) {
    const clock = new ManualClock();
    const isAllowed = createRateLimit({ clock, burst: 1, intervalMs: 1000 });
    assert.equal(isAllowed(), true);
    clock.setWallTime(wallTime);
    assert.equal(isAllowed(), false);
    await clock.advance(1000);
    assert.equal(isAllowed(), true);
  }
});

Deno.test("each key has its own limit, also after others were forgotten", async () => {
  const clock = new ManualClock();
  const isAllowed = createRateLimits({ clock, burst: 3, intervalMs: 1000 });
  assert.equal(countAllowed(() => isAllowed("a")), 3);
  await clock.advance(2000);
  assert.equal(countAllowed(() => isAllowed("b")), 3);
  assert.equal(countAllowed(() => isAllowed("a")), 2);
  await clock.advance(3000);
  assert.equal(countAllowed(() => isAllowed("b")), 3);
  assert.equal(countAllowed(() => isAllowed("a")), 3);
});
