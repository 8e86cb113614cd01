/** When the publisher is ready, and how it connects again and stops. */
import assert from "node:assert/strict";
import { ManualClock } from "../../fixtures/clock.ts";
import { message, type PublisherRun, runPublisher } from "../../fixtures/publisher_run.ts";
import { ScriptedBroker } from "../../fixtures/scripted_broker.ts";
import { settled, until } from "../../fixtures/until.ts";

const { signal } = new AbortController();

interface Scene extends AsyncDisposable {
  readonly broker: ScriptedBroker;
  readonly clock: ManualClock;
  readonly run: PublisherRun;
}

/** A connected publisher without jitter: each wait between attempts has its full length. */
async function connected(): Promise<Scene> {
  await using parts = new AsyncDisposableStack();
  const broker = parts.use(new ScriptedBroker());
  const { host, port, username, password } = broker;
  const clock = new ManualClock();
  const options = { host, port, username, password, clock, random: () => 1, reconnectCapMs: 30_000 };
  const run = parts.use(runPublisher(options));
  await until("connected", () => run.publisher.isReady());
  const running = parts.move();
  return { broker, clock, run, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Ends the connection, and gives how long the publisher waits before it connects again. */
async function loseConnection({ broker, run }: Scene): Promise<unknown> {
  const lost = run.log.with("Broker connection lost").length;
  broker.cut();
  await run.untilLogged("Broker connection lost", lost + 1);
  return run.log.with("Broker connection lost").at(-1)!.fields.retryInMs;
}

async function reconnect({ clock, run }: Scene, waitMs: number): Promise<void> {
  await clock.advance(waitMs - 1);
  assert.equal(run.publisher.isReady(), false);
  await clock.advance(1);
  await until("connected again", () => run.publisher.isReady());
}

Deno.test("waits between connections grow while none lasts, and start again after one that did", async () => {
  await using scene = await connected();
  for (const waitMs of [500, 1000, 2000, 4000]) {
    assert.equal(await loseConnection(scene), waitMs);
    await reconnect(scene, waitMs);
  }
  await scene.clock.advance(9999);
  assert.equal(await loseConnection(scene), 8000);
  await reconnect(scene, 8000);
  await scene.clock.advance(10_000);
  assert.equal(await loseConnection(scene), 500);
});

Deno.test("a stop ends after two seconds when the broker is silent, and closes the socket", async () => {
  await using scene = await connected();
  const { broker, clock, run } = scene;
  broker.silent = true;
  let stopped = false;
  const stopping = run[Symbol.asyncDispose]().then(() => stopped = true);
  await clock.advance(1999);
  assert.equal(stopped, false);
  const startedAt = performance.now();
  await clock.advance(1);
  await settled("stopped", stopping);
  // Sooner than a missing heartbeat would end the connection.
  assert.ok(performance.now() - startedAt < 10_000);
  await until("no socket is open", () => broker.sockets === 0);
});

Deno.test("a stop closes channel and connection in order, at once when the broker answers", async () => {
  await using scene = await connected();
  await scene.run[Symbol.asyncDispose]();
  assert.deepEqual(scene.broker.calls.slice(-2), ["channel.close", "connection.close"]);
  assert.equal(scene.clock.pending, 0);
});

Deno.test("too many unconfirmed bytes make the publisher unready, until enough are confirmed", async () => {
  await using scene = await connected();
  const { broker, run } = scene;
  const sending = Array.from({ length: 3 }, (_, n) => {
    assert.equal(run.publisher.isReady(), true);
    return run.publisher.publish(message(`m${n}`, "x".repeat(7_000_000)));
  });
  assert.equal(run.publisher.isReady(), false);
  await assert.rejects(run.publisher.publish(message("more")), { code: "broker-not-ready" });
  await until("the broker has all", () => broker.published.length === 3);
  broker.published[0]!.ack();
  await sending[0];
  assert.equal(run.publisher.isReady(), true);
  for (const received of broker.published.slice(1)) received.ack();
  await settled("all are sent", Promise.all(sending));
});

Deno.test("messages that were given up still count until the broker answers", async () => {
  await using scene = await connected();
  const { broker, run } = scene;
  const controller = new AbortController();
  const sending = Array.from(
    { length: 3 },
    (_, n) => run.publisher.publish(message(`m${n}`, "x".repeat(7_000_000)), { signal: controller.signal }),
  );
  controller.abort(new Error("stop"));
  for (const outcome of sending) await assert.rejects(outcome, { message: "stop" });
  assert.equal(run.publisher.isReady(), false);
  await until("the broker has all", () => broker.published.length === 3);
  broker.published[0]!.nack();
  await until("ready again", () => run.publisher.isReady());
});

/** Lets the broker be silent for 15 s, which makes the publisher unready. */
async function fallSilent({ broker, clock, run }: Scene): Promise<void> {
  await until("the last probe is answered", async () => {
    await clock.advance(0);
    return run.publisher.isReady();
  });
  broker.silent = true;
  await clock.advance(14_999);
  assert.equal(run.publisher.isReady(), true);
  await clock.advance(1);
  assert.equal(run.publisher.isReady(), false);
}

Deno.test("waitUntilReady() wakes as soon as a silent broker answers", async () => {
  await using scene = await connected();
  await fallSilent(scene);
  const { publisher } = scene.run;
  const waiting = publisher.waitUntilReady({ timeoutMs: 60_000, signal });
  assert.match(await reasonFor(scene, 1000), /^The broker is not ready: it has been silent for 15 s$/);
  scene.broker.silent = false;
  assert.equal(await settled("woken", waiting), undefined);
});

Deno.test("a broker that answers probes stays ready, whatever its clock is set to", async () => {
  await using scene = await connected();
  const probes = () => scene.broker.calls.filter((call) => call === "queue.declare").length;
  for (let probe = 1; probe <= 5; probe++) {
    scene.clock.setWallTime(scene.clock.now() + 3_600_000);
    assert.equal(scene.run.publisher.isReady(), true);
    await scene.clock.advance(5000);
    await until("the broker is probed", () => probes() === 1 + probe);
  }
});

Deno.test("waitUntilReady() ends after its time, and says why the broker is away", async () => {
  await using scene = await connected();
  scene.broker.refusal = { after: "connection.start-ok", code: 403, text: "ACCESS_REFUSED" };
  await loseConnection(scene);
  await scene.clock.advance(500);
  await scene.run.untilLogged("Broker not reachable");
  const timers = scene.clock.pending;
  const waiting = scene.run.publisher.waitUntilReady({ timeoutMs: 400, signal });
  let isWaiting = true;
  waiting.then(() => isWaiting = false);
  await scene.clock.advance(399);
  assert.equal(isWaiting, true);
  await scene.clock.advance(1);
  assert.equal(isWaiting, false);
  const reason = await waiting;
  assert.equal(reason?.message, "The broker is not ready: it is not connected");
  assert.match(String(reason?.cause), /^Cannot log in at \S+ as user "guest"/);
  assert.equal(scene.clock.pending, timers);
});

Deno.test("waitUntilReady() rejects with its signal's reason", async () => {
  await using scene = await connected();
  scene.broker.block();
  await until("not ready", () => !scene.run.publisher.isReady());
  const timers = scene.clock.pending;
  const controller = new AbortController();
  const waiting = scene.run.publisher.waitUntilReady({ timeoutMs: 5000, signal: controller.signal });
  controller.abort(new Error("stop"));
  await assert.rejects(settled("aborted", waiting), { message: "stop" });
  assert.equal(scene.clock.pending, timers);
});

Deno.test("waitUntilReady() wakes when the publisher has connected again", async () => {
  await using scene = await connected();
  await loseConnection(scene);
  const waiting = scene.run.publisher.waitUntilReady({ timeoutMs: 60_000, signal });
  await scene.clock.advance(500);
  assert.equal(await settled("woken", waiting), undefined);
});

Deno.test("waitUntilReady() wakes when an alarm ends, and when enough bytes are confirmed", async () => {
  await using scene = await connected();
  const { broker, run } = scene;
  broker.block();
  await until("not ready", () => !run.publisher.isReady());
  assert.match(await reasonFor(scene, 0), /: it has a memory or disk alarm$/);
  const alarm = run.publisher.waitUntilReady({ timeoutMs: 1000, signal });
  broker.unblock();
  assert.equal(await settled("woken", alarm), undefined);

  const sending = run.publisher.publish(message("large", "x".repeat(21_000_000)));
  assert.match(await reasonFor(scene, 0), /: it has too many bytes to confirm$/);
  const bytes = run.publisher.waitUntilReady({ timeoutMs: 1000, signal });
  await until("the broker has it", () => broker.published.length === 1);
  broker.published[0]!.ack();
  assert.equal(await settled("woken", bytes), undefined);
  await settled("sent", sending);
});

/** Why the publisher is still not ready after so long. */
async function reasonFor({ clock, run }: Scene, waitMs: number): Promise<string> {
  const waiting = run.publisher.waitUntilReady({ timeoutMs: waitMs, signal });
  await clock.advance(waitMs);
  return String((await settled("given up", waiting))?.message);
}
