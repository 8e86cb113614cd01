/** The publisher against a real RabbitMQ. */
import assert from "node:assert/strict";
import { connect, type GetMessage } from "amqplib";
import { createRabbitPublisher, type RabbitPublisher } from "../../lib/broker/rabbitmq.ts";
import { TOPOLOGY } from "../../lib/broker/topology.ts";
import { systemClock } from "../../lib/clock.ts";
import { needsBroker, startBroker, takeMessages, type TestBroker } from "../fixtures/rabbitmq.ts";
import { MemoryLogger } from "../fixtures/recorders.ts";

const { signal } = new AbortController();
let broker: TestBroker | undefined;

Deno.test.afterAll(async () => {
  await broker?.[Symbol.asyncDispose]();
});

interface Setup extends AsyncDisposable {
  readonly publisher: RabbitPublisher;
  readonly broker: TestBroker;
  readonly log: MemoryLogger;
}

async function setUp(overrides: { port?: number; password?: string } = {}): Promise<Setup> {
  broker ??= await startBroker();
  const log = new MemoryLogger();
  const publisher = createRabbitPublisher(
    { ...broker, confirmTimeoutMs: 5000, reconnectCapMs: 1000, ...overrides },
    { clock: systemClock, random: Math.random, log },
  );
  const controller = new AbortController();
  const running = publisher.run({ signal: controller.signal });
  return {
    publisher,
    broker,
    log,
    [Symbol.asyncDispose]: async () => {
      controller.abort();
      await running;
    },
  };
}

function message(id: string, body = `{"n":"${id}"}`) {
  return { id, body: new TextEncoder().encode(body) };
}

function ids(messages: GetMessage[]): string[] {
  return messages.map(({ properties }) => String(properties.messageId));
}

/** Does something to the broker over a connection of its own. */
async function withChannel(
  url: string,
  work: (channel: Awaited<ReturnType<typeof open>>) => Promise<unknown>,
) {
  const connection = await connect(url);
  try {
    await work(await open(connection));
  } finally {
    await connection.close();
  }
}

function open(connection: Awaited<ReturnType<typeof connect>>) {
  return connection.createChannel();
}

Deno.test({
  ...needsBroker("publish() resolves when the message is in the queue, persistent and with its properties"),
  fn: async () => {
    await using setup = await setUp();
    assert.equal(await setup.publisher.waitUntilReady({ timeoutMs: 10_000, signal }), true);
    await setup.publisher.publish(message("one", '{"a":"ä"}'), { signal });
    const [arrived, ...others] = await takeMessages(setup.broker);
    assert.equal(others.length, 0);
    assert.equal(arrived!.content.toString(), '{"a":"ä"}');
    const { deliveryMode, contentType, messageId, appId, timestamp } = arrived!.properties;
    assert.deepEqual({ deliveryMode, contentType, messageId, appId }, {
      deliveryMode: 2,
      contentType: "application/json",
      messageId: "one",
      appId: "insights-remote",
    });
    assert.ok(Math.abs(Number(timestamp) - Date.now() / 1000) < 60);
    assert.deepEqual({ exchange: arrived!.fields.exchange, key: arrived!.fields.routingKey }, {
      exchange: "lagoon-insights",
      key: "",
    });
  },
});

Deno.test({
  ...needsBroker("publish() keeps the order of a thousand messages that are in flight together"),
  fn: async () => {
    await using setup = await setUp();
    await setup.publisher.waitUntilReady({ timeoutMs: 10_000, signal });
    const expected = Array.from({ length: 1000 }, (_, n) => `m${n}`);
    await Promise.all(expected.map((id) => setup.publisher.publish(message(id), { signal })));
    assert.deepEqual(ids(await takeMessages(setup.broker)), expected);
  },
});

Deno.test({
  ...needsBroker("publish() delivers a message of 8 MB whole"),
  fn: async () => {
    await using setup = await setUp();
    await setup.publisher.waitUntilReady({ timeoutMs: 10_000, signal });
    const body = JSON.stringify({ text: "x".repeat(8_000_000) });
    await setup.publisher.publish(message("large", body), { signal });
    const [arrived] = await takeMessages(setup.broker);
    assert.ok(arrived!.content.equals(new TextEncoder().encode(body)));
  },
});

Deno.test({
  ...needsBroker("publish() rejects a message that no queue takes, though the broker confirms it"),
  fn: async () => {
    await using setup = await setUp();
    await setup.publisher.waitUntilReady({ timeoutMs: 10_000, signal });
    await withChannel(
      setup.broker.url,
      (channel) => channel.unbindQueue(TOPOLOGY.queue, TOPOLOGY.exchange, ""),
    );
    try {
      await assert.rejects(setup.publisher.publish(message("lost"), { signal }), {
        name: "UnavailableError",
        code: "broker-unroutable",
      });
    } finally {
      await withChannel(
        setup.broker.url,
        (channel) => channel.bindQueue(TOPOLOGY.queue, TOPOLOGY.exchange, ""),
      );
    }
    await setup.publisher.publish(message("found"), { signal });
    assert.deepEqual(ids(await takeMessages(setup.broker)), ["found"]);
  },
});

Deno.test({
  ...needsBroker("a publisher whose exchange was deleted connects again and declares it again"),
  fn: async () => {
    await using setup = await setUp();
    await setup.publisher.waitUntilReady({ timeoutMs: 10_000, signal });
    await withChannel(setup.broker.url, (channel) => channel.deleteExchange(TOPOLOGY.exchange));
    await assert.rejects(setup.publisher.publish(message("lost"), { signal }), {
      name: "UnavailableError",
    });
    assert.equal(await setup.publisher.waitUntilReady({ timeoutMs: 10_000, signal }), true);
    await setup.publisher.publish(message("found"), { signal });
    assert.deepEqual(ids(await takeMessages(setup.broker)), ["found"]);
  },
});

Deno.test({
  ...needsBroker("publish() rejects at once while the broker is away, and says so without the password"),
  fn: async () => {
    await using setup = await setUp({ password: "wrong-password" });
    assert.equal(await setup.publisher.waitUntilReady({ timeoutMs: 1000, signal }), false);
    assert.equal(setup.publisher.isReady(), false);
    await assert.rejects(setup.publisher.publish(message("lost"), { signal }), {
      name: "UnavailableError",
      code: "broker-not-ready",
    });
    const lines = setup.log.with("Broker not reachable");
    assert.ok(lines.length >= 1);
    assert.match(String(lines[0]!.fields.error), /ACCESS.REFUSED/i);
    assert.ok(!JSON.stringify(lines).includes("wrong-password"));
  },
});
