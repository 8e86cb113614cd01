import assert from "node:assert/strict";
import { KubeError } from "../../../lib/kube/errors.ts";
import {
  createLeaderElection,
  type LeaderElection,
  type LeaderElectionOptions,
} from "../../../lib/kube/leader_election.ts";
import { ManualClock } from "../../fixtures/clock.ts";
import {
  FORBIDDEN,
  LEASE_KEY,
  LeaseServer,
  type Link,
  type LinkFault,
  UNREACHABLE,
} from "../../fixtures/lease_server.ts";
import { MemoryLogger } from "../../fixtures/recorders.ts";

/** A running candidate. Its work ends when a signal asks for it. */
interface Candidate {
  readonly election: LeaderElection;
  readonly link: Link;
  readonly log: MemoryLogger;
  readonly result: Promise<"stopped" | "lost">;
  working: boolean;
  /** How often its work started. */
  began: number;
  /** Whether `killSignal` was aborted. */
  killed: boolean;
  stop(): void;
  /** Ends work that continues after a stop; see `drains`. */
  finish(): void;
}

interface StartOptions extends Partial<LeaderElectionOptions> {
  readonly drains?: boolean;
  readonly fault?: LinkFault;
}

/** A server, a clock and candidates; `overlaps` counts how often one started to work while another did. */
function setUp() {
  const clock = new ManualClock();
  const server = new LeaseServer(clock);
  const candidates: Candidate[] = [];
  let overlaps = 0;

  /** With `drains`, the work continues after a stop until `finish` or `killSignal`. `fault` applies from the start. */
  function start(
    identity: string,
    { drains = false, fault, ...options }: StartOptions = {},
  ): Candidate {
    const link = Object.assign(server.link(), { fault });
    const log = new MemoryLogger();
    const election = createLeaderElection({
      client: link,
      key: LEASE_KEY,
      identity,
      clock,
      random: () => 0,
      log,
      ...options,
    });
    const stop = new AbortController();
    const drained = Promise.withResolvers<void>();
    const result = election.run({
      signal: stop.signal,
      lead: async ({ signal, killSignal }) => {
        if (working() > 0) overlaps += 1;
        candidate.working = true;
        candidate.began += 1;
        killSignal.addEventListener("abort", () => candidate.killed = true);
        await aborted(signal);
        if (drains) await Promise.race([drained.promise, aborted(killSignal)]);
        candidate.working = false;
      },
    });
    const candidate: Candidate = {
      election,
      link,
      log,
      result,
      working: false,
      began: 0,
      killed: false,
      stop: () => stop.abort(),
      finish: drained.resolve,
    };
    candidates.push(candidate);
    return candidate;
  }

  const working = () => candidates.filter((candidate) => candidate.working).length;
  return { clock, server, start, working, overlaps: () => overlaps };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}

Deno.test("a single candidate leads at once, renews every two seconds, and releases the Lease when it stops", async () => {
  const { clock, server, start } = setUp();
  const one = start("one");
  await clock.advance(0);
  assert.deepEqual([one.working, one.election.isLeading(), one.election.isHealthy()], [true, true, true]);
  assert.equal(server.spec?.holderIdentity, "one");
  await clock.advance(600_000);
  assert.equal(one.working, true);
  assert.equal(server.spec?.renewTime, "2026-11-23T10:10:00.000000Z");
  assert.equal(server.spec?.acquireTime, "2026-11-23T10:00:00.000000Z");
  one.stop();
  assert.equal(await one.result, "stopped");
  assert.deepEqual([one.working, one.election.isLeading(), one.election.isHealthy()], [false, false, true]);
  assert.deepEqual([server.spec?.holderIdentity, server.spec?.leaseDurationSeconds], ["", 1]);
  assert.equal(clock.pending, 0);
});

Deno.test("a second candidate waits while the first renews, and takes over 15 seconds after its last renewal", async () => {
  const { clock, server, start, working } = setUp();
  const one = start("one");
  await clock.advance(0);
  const two = start("two");
  await clock.advance(60_500);
  assert.deepEqual([one.working, two.working], [true, false]);
  // The last renewal was half a second ago.
  one.link.fault = UNREACHABLE;
  await clock.advance(9_499);
  assert.equal(one.working, true);
  await clock.advance(1);
  assert.deepEqual([one.working, two.working], [false, false]);
  await clock.advance(4_999);
  assert.equal(working(), 0);
  await clock.advance(1 + 2_000);
  assert.equal(two.working, true);
  assert.deepEqual([server.spec?.holderIdentity, server.spec?.leaseTransitions], ["two", 1]);
  two.stop();
  await two.result;
});

Deno.test("a second candidate takes over at its next attempt after a release", async () => {
  const { clock, server, start } = setUp();
  const one = start("one");
  await clock.advance(0);
  const two = start("two");
  await clock.advance(10_100);
  one.stop();
  await one.result;
  assert.equal(two.working, false);
  await clock.advance(1_900);
  assert.equal(two.working, true);
  assert.deepEqual([server.spec?.holderIdentity, server.spec?.leaseTransitions], ["two", 1]);
  const three = start("one");
  two.stop();
  await two.result;
  await clock.advance(2_000);
  assert.deepEqual([server.spec?.holderIdentity, server.spec?.leaseTransitions], ["one", 2]);
  three.stop();
  await three.result;
});

Deno.test("the Lease is renewed until the work has finished, and then released", async () => {
  const { clock, server, start } = setUp();
  const one = start("one", { drains: true });
  const two = start("two");
  await clock.advance(1_000);
  one.stop();
  await clock.advance(60_000);
  assert.deepEqual([one.working, one.killed, two.working], [true, false, false]);
  assert.equal(server.spec?.holderIdentity, "one");
  one.finish();
  assert.equal(await one.result, "stopped");
  assert.equal(server.spec?.holderIdentity, "");
  two.stop();
  await two.result;
});

Deno.test("losing the lease while the work finishes kills the work", async () => {
  const { clock, start } = setUp();
  const one = start("one", { drains: true });
  await clock.advance(0);
  one.stop();
  one.link.fault = UNREACHABLE;
  await clock.advance(9_999);
  assert.deepEqual([one.working, one.killed], [true, false]);
  await clock.advance(1);
  assert.deepEqual([one.working, one.killed], [false, true]);
  assert.equal(await one.result, "lost");
});

Deno.test("the work stops at once when another candidate holds the Lease, which stays unchanged", async () => {
  const { clock, server, start } = setUp();
  const one = start("one");
  await clock.advance(0);
  const theirs = { holderIdentity: "them", leaseDurationSeconds: 15 };
  server.spec = theirs;
  await clock.advance(2_000);
  assert.deepEqual([one.working, one.killed, one.election.isLeading()], [false, true, false]);
  assert.equal(await one.result, "lost");
  assert.deepEqual(server.spec, theirs);
  assert.equal(clock.pending, 0);
  assert.deepEqual(one.log.with("Leadership lost").map(({ level, fields }) => [level, fields.error]), [
    ["error", 'Cannot go on as the leader as the Lease names "them" as its holder'],
  ]);
});

Deno.test("an API server that hangs delays neither the loss of the lease nor a stop", async () => {
  for (const fault of ["hanging", "unanswered"] as const) {
    const { clock, start } = setUp();
    const one = start("one");
    await clock.advance(0);
    one.link.fault = fault;
    await clock.advance(9_999);
    assert.deepEqual([one.working, one.election.isHealthy()], [true, true]);
    await clock.advance(1);
    assert.deepEqual([one.working, one.election.isHealthy()], [false, false]);
    await clock.advance(5_000);
    assert.equal(await one.result, "lost");
    assert.equal(one.election.isHealthy(), false);
    assert.equal(clock.pending, 0);
  }
});

Deno.test("one hanging request doesn't cost the lease", async () => {
  const { clock, server, start } = setUp();
  const one = start("one");
  await clock.advance(0);
  for (const fault of ["hanging", "unanswered"] as const) {
    one.link.nextFault = fault;
    await clock.advance(20_000);
    assert.equal(one.working, true);
  }
  assert.equal(server.spec?.leaseTransitions, 0);
  one.stop();
  await one.result;
});

Deno.test("a term starts when the renewal is sent, not when it is answered", async () => {
  const { clock, start } = setUp();
  const one = start("one");
  one.link.latencyMs = 4_000;
  // The read and the create take 4 s each, so 8 of the 10 seconds are over.
  await clock.advance(8_000);
  assert.equal(one.working, true);
  one.link.fault = UNREACHABLE;
  await clock.advance(1_999);
  assert.equal(one.working, true);
  await clock.advance(1);
  assert.equal(one.working, false);
  await one.result;
});

Deno.test("a deleted Lease is created again by its leader, not taken by others", async () => {
  const { clock, server, start } = setUp();
  const one = start("one");
  await clock.advance(0);
  const two = start("two");
  await clock.advance(1_000);
  server.spec = undefined;
  await clock.advance(60_000);
  assert.deepEqual([one.working, two.working, server.spec?.["holderIdentity"]], [true, false, "one"]);
  one.stop();
  two.stop();
  await Promise.all([one.result, two.result]);
});

Deno.test("without permission a candidate logs that once, retries every minute, and leads once it is granted", async () => {
  const { clock, start } = setUp();
  const one = start("one", { fault: FORBIDDEN });
  await clock.advance(10 * 60_000 - 1);
  assert.equal(one.working, false);
  assert.equal(one.link.requests.length, 10);
  assert.deepEqual(one.log.lines.map(({ level }) => level), ["error"]);
  assert.match(one.log.lines[0]!.message, /grant get, create and patch on leases/);
  one.link.fault = undefined;
  await clock.advance(1);
  assert.equal(one.working, true);
  one.stop();
  assert.equal(await one.result, "stopped");
});

Deno.test("an unreachable API server is retried every two seconds or after Retry-After, and logged once", async () => {
  const { clock, start } = setUp();
  const one = start("one", { fault: UNREACHABLE });
  await clock.advance(59_999);
  assert.equal(one.link.requests.length, 30);
  assert.deepEqual(one.log.lines.map(({ level, message }) => [level, message]), [[
    "warn",
    "Lease not reached",
  ]]);
  one.link.fault = new KubeError("busy", { status: 429, retryAfterMs: 20_000 });
  await clock.advance(60_000);
  assert.equal(one.link.requests.length, 33);
  one.stop();
  assert.equal(await one.result, "stopped");
});

Deno.test("waits have up to a fifth of jitter", async () => {
  const { clock, start } = setUp();
  const one = start("one", { random: () => 0.5, fault: UNREACHABLE });
  await clock.advance(2_199);
  assert.equal(one.link.requests.length, 1);
  await clock.advance(1);
  assert.equal(one.link.requests.length, 2);
  one.stop();
  await one.result;
});

Deno.test("a candidate that stops while it waits changes nothing", async () => {
  const { clock, server, start } = setUp();
  const theirs = { holderIdentity: "them", leaseDurationSeconds: 15 };
  server.spec = theirs;
  const one = start("one");
  await clock.advance(1_000);
  const renewed = { ...theirs, renewTime: "2026-11-23T10:00:01.000000Z" };
  server.spec = renewed;
  await clock.advance(2_000);
  one.stop();
  assert.equal(await one.result, "stopped");
  assert.deepEqual(server.spec, renewed);
  assert.equal(clock.pending, 0);
  assert.deepEqual(one.log.lines.map(({ message }) => message), ["Waiting, another replica leads"]);
});

Deno.test("a candidate that stops while it takes the Lease releases it without starting work", async () => {
  const { clock, server, start } = setUp();
  const one = start("one");
  one.link.latencyMs = 1_000;
  await clock.advance(1_500);
  assert.equal(server.spec?.["holderIdentity"], "one");
  one.stop();
  await clock.advance(2_000);
  assert.equal(await one.result, "stopped");
  assert.equal(server.spec?.["holderIdentity"], "");
  assert.equal(one.began, 0);
});

Deno.test("the release waits for a renewal in flight", async () => {
  const { clock, server, start } = setUp();
  const one = start("one");
  await clock.advance(0);
  one.link.nextFault = "hanging";
  await clock.advance(2_500);
  one.stop();
  const timers = one.result.then(() => clock.pending);
  await clock.advance(5_000);
  assert.deepEqual([await one.result, await timers, server.spec?.["holderIdentity"]], ["stopped", 0, ""]);
});

Deno.test("a Lease that another candidate took just before the release stays theirs", async () => {
  const { clock, server, start } = setUp();
  const one = start("one");
  await clock.advance(0);
  const theirs = { holderIdentity: "them", leaseDurationSeconds: 15 };
  server.spec = theirs;
  one.stop();
  assert.equal(await one.result, "stopped");
  assert.deepEqual(server.spec, theirs);
});

Deno.test("a release that fails is logged and doesn't prevent the stop", async () => {
  const { clock, start } = setUp();
  const one = start("one");
  await clock.advance(0);
  one.link.fault = UNREACHABLE;
  one.stop();
  assert.equal(await one.result, "stopped");
  assert.equal(one.log.with("Lease not released").length, 1);
});

Deno.test("an error of the work is rethrown after the Lease is released", async () => {
  const clock = new ManualClock();
  const server = new LeaseServer(clock);
  const election = createLeaderElection({
    client: server.link(),
    key: LEASE_KEY,
    identity: "one",
    clock,
    random: () => 0,
    log: new MemoryLogger(),
  });
  const running = election.run({
    signal: new AbortController().signal,
    lead: () => Promise.reject(new Error("work failed")),
  });
  await assert.rejects(running, /work failed/);
  assert.deepEqual([server.spec?.holderIdentity, election.isLeading()], ["", false]);
  assert.equal(clock.pending, 0);
});

/** Mulberry32: the same numbers from the same seed, in [0, 1). */
function randomFrom(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

Deno.test("candidates with bad connections never work at the same time, and each leads at some point", async () => {
  const { clock, server, start, overlaps } = setUp();
  const random = randomFrom(1);
  const running = new Map(["a", "b", "c"].map((name) => [name, start(name, { random })]));
  const led = new Set<string>();
  for (let second = 0; second < 400; second++) {
    for (const [name, candidate] of running) {
      if (random() < 0.06) {
        candidate.link.fault = ([UNREACHABLE, "hanging", "unanswered"] as const)[Math.floor(random() * 3)];
        candidate.link.latencyMs = Math.floor(random() * 4_500);
      } else if (random() < 0.15) {
        candidate.link.fault = undefined;
        candidate.link.latencyMs = 0;
      }
      if (candidate.working && random() < 0.05) candidate.stop();
      // A candidate that has stopped or lost the lease is restarted.
      const ended = await Promise.race([candidate.result, Promise.resolve()]);
      if (ended !== undefined) running.set(name, start(name, { random }));
      if (candidate.working) led.add(name);
    }
    await clock.advance(1_000);
    assert.equal(overlaps(), 0, `two worked in second ${second}`);
  }
  for (const { stop, link } of running.values()) {
    link.fault = UNREACHABLE;
    stop();
  }
  await clock.advance(20_000);
  await Promise.all([...running.values()].map(({ result }) => result));
  assert.deepEqual([...led].sort(), ["a", "b", "c"]);
  assert.ok((server.spec?.leaseTransitions ?? 0) >= 10, `only ${server.spec?.leaseTransitions} transitions`);
  assert.equal(clock.pending, 0);
});
