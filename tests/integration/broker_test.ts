/** The publisher against a real RabbitMQ. */
import assert from "node:assert/strict";
import type { GetMessage } from "amqplib";
import { TOPOLOGY } from "../../lib/broker/connection.ts";
import { message, type PublisherRun, runPublisher, withChannel } from "../fixtures/publisher_run.ts";
import { needsBroker, startBroker, takeMessages, type TestBroker } from "../fixtures/rabbitmq.ts";

const { signal } = new AbortController();
let broker: TestBroker | undefined;

Deno.test.afterAll(async () => {
  await broker?.[Symbol.asyncDispose]();
});

interface Setup extends PublisherRun {
  readonly broker: TestBroker;
}

async function setUp(overrides: { password?: string } = {}): Promise<Setup> {
  broker ??= await startBroker();
  return { ...runPublisher({ ...broker, ...overrides }), broker };
}

function ids(messages: GetMessage[]): string[] {
  return messages.map(({ properties }) => String(properties.messageId));
}

Deno.test({
  ...needsBroker("publish() resolves once the message is in the queue, persistent and with its properties"),
  fn: async () => {
    await using setup = await setUp();
    await setup.untilReady();
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
  ...needsBroker("publish() keeps the order of a thousand messages in flight"),
  fn: async () => {
    await using setup = await setUp();
    await setup.untilReady();
    const expected = Array.from({ length: 1000 }, (_, n) => `m${n}`);
    await Promise.all(expected.map((id) => setup.publisher.publish(message(id), { signal })));
    assert.deepEqual(ids(await takeMessages(setup.broker)), expected);
  },
});

Deno.test({
  ...needsBroker("publish() delivers a message of 8 MB"),
  fn: async () => {
    await using setup = await setUp();
    await setup.untilReady();
    const body = JSON.stringify({ text: "x".repeat(8_000_000) });
    await setup.publisher.publish(message("large", body), { signal });
    const [arrived] = await takeMessages(setup.broker);
    assert.ok(arrived!.content.equals(new TextEncoder().encode(body)));
  },
});

Deno.test({
  ...needsBroker(
    "a message without a queue is not delivered, although the broker confirms it; the next one is",
  ),
  fn: async () => {
    await using setup = await setUp();
    await setup.untilReady();
    await withChannel(
      setup.broker.url,
      (channel) => channel.unbindQueue(TOPOLOGY.queue, TOPOLOGY.exchange, ""),
    );
    await assert.rejects(setup.publisher.publish(message("lost"), { signal }), {
      name: "UnavailableError",
      code: "broker-unroutable",
    });
    await setup.untilReady();
    await setup.publisher.publish(message("found"), { signal });
    assert.deepEqual(ids(await takeMessages(setup.broker)), ["found"]);
    assert.match(await setup.metricsText(), /publishes_total\{outcome="returned"\} 1\n/);
  },
});

Deno.test({
  ...needsBroker("a publisher declares an exchange again that was deleted"),
  fn: async () => {
    await using setup = await setUp();
    await setup.untilReady();
    await withChannel(setup.broker.url, (channel) => channel.deleteExchange(TOPOLOGY.exchange));
    await assert.rejects(setup.publisher.publish(message("lost"), { signal }), {
      code: "broker-disconnected",
    });
    await setup.untilReady();
    await setup.publisher.publish(message("found"), { signal });
    assert.deepEqual(ids(await takeMessages(setup.broker)), ["found"]);
  },
});

Deno.test({
  ...needsBroker(
    "publish() rejects at once while the broker is away, and the reason is logged without the password",
  ),
  fn: async () => {
    await using setup = await setUp({ password: "wrong-password" });
    const reason = await setup.publisher.waitUntilReady({ timeoutMs: 1000, signal });
    assert.equal(reason?.message, "The broker is not ready: it is not connected");
    assert.match(String(reason?.cause), /^Cannot log in at /);
    assert.equal(setup.publisher.isReady(), false);
    await assert.rejects(setup.publisher.publish(message("lost"), { signal }), {
      name: "UnavailableError",
      code: "broker-not-ready",
    });
    const lines = setup.log.with("Broker not reachable");
    assert.ok(lines.length >= 1);
    assert.match(
      String(lines[0]!.fields.error),
      /^Cannot log in at \S+ as user "guest": check RABBITMQ_USERNAME and RABBITMQ_PASSWORD$/,
    );
    assert.ok(!JSON.stringify(lines).includes("wrong-password"));
  },
});
