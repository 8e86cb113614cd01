/** What becomes of a message, for everything that a broker may do with it. */
import assert from "node:assert/strict";
import { ManualClock } from "../../fixtures/clock.ts";
import { message, type PublisherRun, runPublisher } from "../../fixtures/publisher_run.ts";
import { ScriptedBroker } from "../../fixtures/scripted_broker.ts";
import { settled, until } from "../../fixtures/until.ts";

interface Scene {
  readonly broker: ScriptedBroker;
  readonly clock: ManualClock;
  readonly run: PublisherRun;
}

/** A test with a connected publisher; a confirm may take 5 s. */
function sessionTest(name: string, test: (scene: Scene) => Promise<void>): void {
  Deno.test(name, async () => {
    await using parts = new AsyncDisposableStack();
    const broker = parts.use(new ScriptedBroker());
    const clock = new ManualClock();
    const run = parts.use(runPublisher({ ...address(broker), clock }));
    await until("connected", () => run.publisher.isReady());
    await test({ broker, clock, run });
  });
}

function address({ host, port, username, password }: ScriptedBroker) {
  return { host, port, username, password };
}

/** Publishes, and waits until the broker has the message. */
async function publish({ broker, run }: Scene, id: string, options: { signal?: AbortSignal } = {}) {
  const before = broker.published.length;
  const outcome = settled(`the outcome of ${id}`, run.publisher.publish(message(id), options));
  // The test may look at a rejection only later.
  outcome.catch(() => {});
  await until(`the broker has ${id}`, () => broker.published.length > before);
  return { outcome, received: broker.published.at(-1)! };
}

async function published(run: PublisherRun, outcome: string): Promise<number> {
  const text = await run.metricsText();
  return Number(new RegExp(`publishes_total\\{outcome="${outcome}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
}

async function inFlight(run: PublisherRun): Promise<number> {
  return Number(/messages_in_flight\{broker="rabbitmq"\} (\d+)/.exec(await run.metricsText())?.[1]);
}

sessionTest("publish() resolves with the broker's confirm and not before", async (scene) => {
  const first = await publish(scene, "first");
  const second = await publish(scene, "second");
  let confirmed = false;
  first.outcome.then(() => confirmed = true);
  second.received.ack();
  await second.outcome;
  assert.equal(confirmed, false);
  assert.equal(await inFlight(scene.run), 1);
  first.received.ack();
  await first.outcome;
  assert.equal(await inFlight(scene.run), 0);
  assert.equal(await published(scene.run, "confirmed"), 2);
});

for (
  const [name, end] of [
    ["its socket closes", (broker: ScriptedBroker) => broker.cut()],
    ["the broker closes it", (broker: ScriptedBroker) => broker.closeConnections(320, "CONNECTION_FORCED")],
    ["the broker closes the channel", (broker: ScriptedBroker) => broker.closeChannels(404, "NOT_FOUND")],
  ] as const
) {
  sessionTest(`when the connection ends as ${name}, messages in flight fail at once`, async (scene) => {
    const messages = [await publish(scene, "one"), await publish(scene, "two")];
    end(scene.broker);
    for (const { outcome } of messages) {
      await assert.rejects(outcome, { name: "UnavailableError", code: "broker-disconnected" });
    }
    // They may have arrived: that is no refusal.
    assert.equal(await published(scene.run, "unknown"), 2);
    assert.equal(await published(scene.run, "refused"), 0);
    assert.equal(await inFlight(scene.run), 0);
  });
}

sessionTest("an id that is in flight is not sent a second time", async (scene) => {
  const first = await publish(scene, "same");
  await assert.rejects(scene.run.publisher.publish(message("same")), { code: "broker-duplicate" });
  assert.equal(scene.broker.published.length, 1);
  first.received.ack();
  await first.outcome;
  const again = await publish(scene, "same");
  again.received.ack();
  await again.outcome;
  assert.equal(scene.broker.published.length, 2);
  assert.equal(await published(scene.run, "not_sent"), 1);
});

sessionTest("publish() ends with its signal's reason, and a late confirm changes nothing", async (scene) => {
  const controller = new AbortController();
  const { outcome, received } = await publish(scene, "one", { signal: controller.signal });
  controller.abort(new Error("stop"));
  await assert.rejects(outcome, { message: "stop" });
  assert.equal(await inFlight(scene.run), 0);
  await assert.rejects(scene.run.publisher.publish(message("two"), { signal: controller.signal }), {
    message: "stop",
  });
  // Sent again, it waits for a confirm of its own.
  const again = await publish(scene, "one");
  received.ack();
  const next = await publish(scene, "three");
  next.received.ack();
  await next.outcome;
  assert.equal(await inFlight(scene.run), 1);
  again.received.ack();
  await again.outcome;
  assert.deepEqual(scene.broker.published.map(({ id }) => id), ["one", "one", "three"]);
  assert.equal(await published(scene.run, "confirmed"), 2);
});

sessionTest("a message without a confirm fails when the time for it is over", async (scene) => {
  const timers = scene.clock.pending;
  const late = await publish(scene, "late");
  const confirmed = await publish(scene, "confirmed");
  confirmed.received.ack();
  await confirmed.outcome;
  assert.equal(scene.clock.pending, timers + 1);
  await scene.clock.advance(4999);
  assert.equal(await inFlight(scene.run), 1);
  await scene.clock.advance(1);
  await assert.rejects(late.outcome, { name: "UnavailableError", code: "broker-confirm-timeout" });
  assert.equal(await published(scene.run, "unknown"), 1);
  assert.equal(scene.clock.pending, timers);
});

sessionTest("a wall clock that is set back an hour doesn't delay the end of that time", async (scene) => {
  const { outcome } = await publish(scene, "late");
  scene.clock.setWallTime(scene.clock.now() - 3_600_000);
  await scene.clock.advance(5000);
  await assert.rejects(outcome, { code: "broker-confirm-timeout" });
});

sessionTest("a message that the broker rejects is not delivered", async (scene) => {
  const { outcome, received } = await publish(scene, "one");
  received.nack();
  await assert.rejects(outcome, { name: "UnavailableError", code: "broker-nacked" });
  assert.equal(await published(scene.run, "refused"), 1);
  assert.equal(scene.run.publisher.isReady(), true);
});

sessionTest(
  "a message that no queue takes is not delivered, and the queue is declared again",
  async (scene) => {
    const declared = () => scene.broker.calls.filter((call) => call === "queue.bind").length;
    assert.equal(declared(), 1);
    const { outcome, received } = await publish(scene, "one");
    received.return();
    await assert.rejects(outcome, { name: "UnavailableError", code: "broker-unroutable" });
    assert.equal(await published(scene.run, "returned"), 1);
    await until("ready again", () => scene.run.publisher.isReady());
    assert.equal(declared(), 2);
  },
);

sessionTest("a broker with an alarm gets no messages, and none waits for it", async (scene) => {
  const { outcome } = await publish(scene, "one");
  scene.broker.block();
  await assert.rejects(outcome, { code: "broker-blocked" });
  assert.equal(scene.run.publisher.isReady(), false);
  await assert.rejects(scene.run.publisher.publish(message("two")), { code: "broker-not-ready" });
  assert.match(await scene.run.metricsText(), /broker_blocked\{broker="rabbitmq"\} 1\n/);
  scene.broker.unblock();
  await until("ready again", () => scene.run.publisher.isReady());
  assert.match(await scene.run.metricsText(), /broker_blocked\{broker="rabbitmq"\} 0\n/);
});
