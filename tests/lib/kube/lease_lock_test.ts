import assert from "node:assert/strict";
import { createLeaseLock, type LeaseLock } from "../../../lib/kube/lease_lock.ts";
import { ManualClock } from "../../fixtures/clock.ts";
import { LEASE_KEY, LeaseServer, type LeaseSpec, UNREACHABLE } from "../../fixtures/lease_server.ts";

const NEVER = new AbortController().signal;
const START = "2026-11-23T10:00:00.000000Z";

function leaseOf(holderIdentity: string, fields: LeaseSpec = {}): LeaseSpec {
  const times = { acquireTime: START, renewTime: START };
  return { holderIdentity, leaseDurationSeconds: 15, leaseTransitions: 3, ...times, ...fields };
}

function setUp(spec?: LeaseSpec) {
  const clock = new ManualClock();
  const server = new LeaseServer(clock, spec);
  const link = server.link();
  const lock = createLeaseLock({ client: link, key: LEASE_KEY, identity: "us", clock });
  return { clock, server, link, lock };
}

function take(lock: LeaseLock): Promise<boolean> {
  return lock.take(NEVER);
}

function renew(lock: LeaseLock): Promise<boolean> {
  return lock.renew(NEVER, NEVER);
}

Deno.test("a missing Lease is created, with times of six digits", async () => {
  const { server, lock } = setUp();
  assert.equal(await take(lock), true);
  assert.deepEqual(server.spec, leaseOf("us", { leaseTransitions: 0 }));
});

Deno.test("a Lease without a holder is taken at once, as a transition", async () => {
  const { clock, server, lock } = setUp(leaseOf("", { leaseDurationSeconds: 1 }));
  await clock.advance(7);
  assert.equal(await take(lock), true);
  const now = "2026-11-23T10:00:00.007000Z";
  assert.deepEqual(server.spec, leaseOf("us", { leaseTransitions: 4, acquireTime: now, renewTime: now }));
});

Deno.test("our own Lease from before a restart is taken at once, without a transition", async () => {
  const { clock, server, lock } = setUp(leaseOf("us"));
  await clock.advance(1000);
  assert.equal(await take(lock), true);
  assert.deepEqual(server.spec, leaseOf("us", { renewTime: "2026-11-23T10:00:01.000000Z" }));
});

Deno.test("another candidate's Lease is free when it has not changed for its duration by our clock, whatever its times say", async () => {
  for (const renewTime of ["1970-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"]) {
    const { clock, server, lock } = setUp(leaseOf("them", { renewTime }));
    assert.equal(await take(lock), false);
    await clock.advance(14_999);
    assert.equal(await take(lock), false);
    await clock.advance(1);
    assert.equal(await take(lock), true);
    assert.deepEqual([server.spec?.holderIdentity, server.spec?.leaseTransitions], ["us", 4]);
  }
});

Deno.test("another candidate's Lease lasts for its duration although the wall clock is set forward", async () => {
  const { clock, lock } = setUp(leaseOf("them"));
  assert.equal(await take(lock), false);
  clock.setWallTime(Date.parse("2027-01-01T00:00:00Z"));
  assert.equal(await take(lock), false);
  await clock.advance(15_000);
  assert.equal(await take(lock), true);
});

Deno.test("each observed change renews another candidate's Lease", async () => {
  const { clock, server, lock } = setUp(leaseOf("them"));
  assert.equal(await take(lock), false);
  await clock.advance(14_000);
  server.spec = leaseOf("them", { renewTime: "2026-11-23T09:00:00.000000Z" });
  assert.equal(await take(lock), false);
  await clock.advance(14_999);
  assert.equal(await take(lock), false);
  await clock.advance(1);
  assert.equal(await take(lock), true);
});

Deno.test("the holder's duration counts, not ours", async () => {
  const { clock, lock } = setUp(leaseOf("them", { leaseDurationSeconds: 60 }));
  assert.equal(await take(lock), false);
  await clock.advance(59_999);
  assert.equal(await take(lock), false);
  await clock.advance(1);
  assert.equal(await take(lock), true);
});

Deno.test("a deleted Lease belongs to its last holder for its duration", async () => {
  const { clock, server, lock } = setUp(leaseOf("them"));
  assert.equal(await take(lock), false);
  server.spec = undefined;
  assert.equal(await take(lock), false);
  assert.equal(server.spec, undefined);
  await clock.advance(15_000);
  assert.equal(await take(lock), true);
  assert.equal(server.spec?.["holderIdentity"], "us");
});

Deno.test("a renewal creates our deleted Lease again", async () => {
  const { server, lock } = setUp();
  await take(lock);
  server.spec = undefined;
  assert.equal(await renew(lock), true);
  assert.equal(server.spec?.["holderIdentity"], "us");
});

Deno.test("a renewal detects that another candidate or nobody holds the Lease, even an expired one", async () => {
  for (const holder of ["them", ""]) {
    const { server, lock } = setUp();
    await take(lock);
    server.spec = leaseOf(holder, { leaseDurationSeconds: 0 });
    assert.equal(await renew(lock), false);
    assert.deepEqual(server.spec, leaseOf(holder, { leaseDurationSeconds: 0 }));
  }
});

Deno.test("a renewal continues after our own unanswered write, and after a write of other fields", async () => {
  const { clock, server, link, lock } = setUp();
  await take(lock);
  await clock.advance(1000);
  link.nextFault = "unanswered";
  const unanswered = assert.rejects(renew(lock), { name: "TimeoutError" });
  await clock.advance(5000);
  await unanswered;
  assert.equal(server.spec?.renewTime, "2026-11-23T10:00:01.000000Z");
  assert.equal(await renew(lock), true);
  assert.equal(server.spec?.renewTime, "2026-11-23T10:00:06.000000Z");
  server.spec = { ...server.spec, strategy: "theirs" } as LeaseSpec;
  assert.equal(await renew(lock), true);
  assert.ok("strategy" in server.spec);
});

Deno.test("of two concurrent attempts, one succeeds and the other conflicts", async () => {
  for (const spec of [undefined, leaseOf("")]) {
    const { clock, server, lock } = setUp(spec);
    const rival = createLeaseLock({ client: server.link(), key: LEASE_KEY, identity: "rival", clock });
    const results = await Promise.allSettled([take(lock), take(rival)]);
    assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected"]);
    assert.equal(server.spec?.holderIdentity, "us");
    assert.equal(await take(rival), false);
    assert.equal(rival.holder(), "us");
  }
});

Deno.test("a stop ends an attempt before its write, but not the write", async () => {
  const { server, link, lock, clock } = setUp();
  const stop = new AbortController();
  link.latencyMs = 1000;
  const early = assert.rejects(lock.take(stop.signal));
  await clock.advance(500);
  stop.abort();
  await early;
  assert.equal(server.spec, undefined);

  const second = new AbortController();
  const late = lock.take(second.signal);
  await clock.advance(1500);
  second.abort();
  await clock.advance(500);
  assert.equal(await late, true);
});

Deno.test("a release leaves the Lease without a holder, with a duration of one second", async () => {
  const { server, lock, clock } = setUp();
  await take(lock);
  await clock.advance(1000);
  await lock.release();
  const renewTime = "2026-11-23T10:00:01.000000Z";
  assert.deepEqual(
    server.spec,
    leaseOf("", { leaseDurationSeconds: 1, leaseTransitions: 0, renewTime }),
  );
});

Deno.test("a release doesn't touch a Lease that another candidate holds or that was deleted", async () => {
  for (const spec of [leaseOf("them"), undefined]) {
    const { server, lock } = setUp();
    await take(lock);
    server.spec = spec;
    await lock.release();
    assert.deepEqual(server.spec, spec);
  }
});

Deno.test("a release works after a renewal that failed", async () => {
  const { server, link, lock } = setUp();
  await take(lock);
  link.nextFault = UNREACHABLE;
  await assert.rejects(renew(lock));
  await lock.release();
  assert.equal(server.spec?.holderIdentity, "");
});

Deno.test("a release takes no longer than the timeout of one request", async () => {
  const { clock, server, link, lock } = setUp();
  await take(lock);
  // A conflict, a read and a write together take 6 s.
  server.spec = { ...server.spec };
  link.latencyMs = 2_000;
  const released = assert.rejects(lock.release(), { name: "TimeoutError" });
  await clock.advance(5000);
  await released;
  assert.equal(clock.pending, 0);
});
