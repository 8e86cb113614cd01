/** The publisher and a RabbitMQ that restarts, is killed, has an alarm, or is misconfigured. */
import assert from "node:assert/strict";
import { TOPOLOGY } from "../../lib/broker/connection.ts";
import { message, type PublisherRun, runPublisher, withChannel } from "../fixtures/publisher_run.ts";
import { needsPrivateNode, takeMessages } from "../fixtures/rabbitmq.ts";
import { type PrivateNode, startPrivateNode } from "../fixtures/rabbitmq_node.ts";
import { until } from "../fixtures/until.ts";

const { signal } = new AbortController();
let shared: PrivateNode | undefined;

Deno.test.afterAll(async () => {
  await shared?.[Symbol.asyncDispose]();
});

/** A test on the node that all tests of this file share; each leaves it unchanged. */
function faultTest(name: string, fn: (node: PrivateNode) => Promise<void>): void {
  Deno.test({
    ...needsPrivateNode(name),
    fn: async () => {
      shared ??= await startPrivateNode();
      await fn(shared);
    },
  });
}

/** Sends numbered messages until `stop`, and records which were confirmed. */
function sendSteadily({ publisher }: PublisherRun, inParallel: number) {
  const confirmed: string[] = [];
  const failed: string[] = [];
  let next = 0;
  let stopped = false;
  const worker = async () => {
    while (!stopped) {
      const id = `m${next++}`;
      await publisher.publish(message(id), { signal }).then(() => confirmed.push(id), () => failed.push(id));
      // A publisher that is not ready rejects at once: without a wait, nothing else would run.
      if (!publisher.isReady()) await publisher.waitUntilReady({ timeoutMs: 30_000, signal });
    }
  };
  const workers = Array.from({ length: inParallel }, worker);
  return {
    confirmed,
    failed,
    stop: async () => {
      stopped = true;
      await Promise.all(workers);
    },
  };
}

async function idsInQueue(node: PrivateNode): Promise<string[]> {
  return (await takeMessages(node)).map(({ properties }) => String(properties.messageId));
}

/** Breaks the broker with 64 messages in flight, and compares what was confirmed with the queue. */
async function assertPromiseKept(node: PrivateNode, breakDown: () => Promise<void>): Promise<void> {
  await using run = runPublisher(node);
  await run.untilReady();
  const sending = sendSteadily(run, 64);
  await until("some are confirmed", () => sending.confirmed.length > 500);
  await breakDown();
  const before = sending.confirmed.length;
  await until("more are confirmed after the recovery", () => sending.confirmed.length > before + 500);
  await sending.stop();
  const queued = await idsInQueue(node);
  const lost = sending.confirmed.filter((id) => !queued.includes(id));
  assert.deepEqual(lost, []);
  // The publisher itself sends nothing twice.
  assert.equal(new Set(queued).size, queued.length);
  const unconfirmed = queued.filter((id) => !sending.confirmed.includes(id));
  assert.deepEqual(unconfirmed.filter((id) => !sending.failed.includes(id)), []);
  const text = await run.metricsText();
  const count = (outcome: string) =>
    Number(new RegExp(`publishes_total\\{outcome="${outcome}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
  assert.equal(count("confirmed"), sending.confirmed.length);
  // The library fails the messages of a lost connection as it fails rejected ones.
  assert.equal(count("refused"), 0);
  assert.ok(unconfirmed.length <= count("unknown"), `${unconfirmed.length} arrived without a confirm`);
}

faultTest(
  "confirmed messages are in the queue after the broker's application was restarted",
  async (node) => {
    await assertPromiseKept(node, async () => {
      await node.control("stop_app");
      await node.control("start_app");
    });
  },
);

faultTest(
  "confirmed messages are in the queue after the broker was killed and started again",
  async (node) => {
    await assertPromiseKept(node, async () => {
      await node.kill();
      await node.start();
    });
  },
);

faultTest(
  "a queue that was deleted is declared again, and no message counts as delivered meanwhile",
  async (node) => {
    await using run = runPublisher(node);
    await run.untilReady();
    await withChannel(node.url, (channel) => channel.deleteQueue(TOPOLOGY.queue));
    await assert.rejects(run.publisher.publish(message("lost"), { signal }), { code: "broker-unroutable" });
    await run.untilReady();
    await run.publisher.publish(message("found"), { signal });
    assert.deepEqual(await idsInQueue(node), ["found"]);
    assert.equal(
      run.log.with("Broker had no queue for a message; declaring queue and binding again").length,
      1,
    );
  },
);

faultTest("a queue that was deleted while nothing is sent is declared again within seconds", async (node) => {
  await using run = runPublisher(node);
  await run.untilReady();
  await withChannel(node.url, (channel) => channel.deleteQueue(TOPOLOGY.queue));
  await run.untilLogged("Broker connected", 2);
  await run.publisher.publish(message("found"), { signal });
  assert.deepEqual(await idsInQueue(node), ["found"]);
});

faultTest(
  "messages that a full queue rejects are not delivered, and not counted as unknown",
  async (node) => {
    await using run = runPublisher(node);
    await run.untilReady();
    await node.control(
      "set_policy",
      "full",
      "^lagoon-insights:items$",
      '{"max-length":1,"overflow":"reject-publish"}',
    );
    try {
      await run.publisher.publish(message("first"), { signal });
      await until(
        "the queue rejects one",
        async () =>
          await run.publisher.publish(message("rejected"), { signal }).then(() => false, (error) => {
            assert.equal(error.code, "broker-nacked");
            return true;
          }),
      );
    } finally {
      await node.control("clear_policy", "full");
    }
    assert.match(await run.metricsText(), /publishes_total\{outcome="refused"\} 1\n/);
    assert.equal(run.publisher.isReady(), true);
    await idsInQueue(node);
  },
);

for (
  const [alarm, on, off] of [
    ["memory", ["set_vm_memory_high_watermark", "0.0000001"], ["set_vm_memory_high_watermark", "0.4"]],
    ["disk", ["set_disk_free_limit", "100000GB"], ["set_disk_free_limit", "1MB"]],
  ] as const
) {
  faultTest(
    `messages fail at once during a ${alarm} alarm of the broker, and are sent again after it`,
    async (node) => {
      await using run = runPublisher({ ...node, confirmTimeoutMs: 60_000 });
      await run.untilReady();
      await node.control(...on);
      // The broker reports the alarm only to connections that publish, and does not confirm their message.
      await assert.rejects(run.publisher.publish(message("one"), { signal }), { code: "broker-blocked" });
      await assert.rejects(run.publisher.publish(message("two"), { signal }), { code: "broker-not-ready" });
      assert.equal(run.publisher.isReady(), false);
      assert.match(await run.metricsText(), /broker_blocked\{broker="rabbitmq"\} 1\n/);
      await node.control(...off);
      await run.untilReady();
      await run.publisher.publish(message("three"), { signal });
      assert.match(await run.metricsText(), /broker_blocked\{broker="rabbitmq"\} 0\n/);
      // The first one waited in the broker's socket, so its outcome counts as unknown.
      assert.deepEqual(await idsInQueue(node), ["one", "three"]);
      assert.match(await run.metricsText(), /publishes_total\{outcome="unknown"\} 1\n/);
      assert.equal(run.log.with("Broker takes no messages because of an alarm").length, 1);
      assert.equal(run.log.with("Broker takes messages again").length, 1);
    },
  );
}

faultTest(
  "a queue with other properties is logged at each attempt, until it is gone",
  async (node) => {
    await withChannel(node.url, async (channel) => {
      await channel.deleteQueue(TOPOLOGY.queue);
      await channel.assertQueue(TOPOLOGY.queue, { durable: false });
    });
    await using run = runPublisher({ ...node, reconnectCapMs: 2000 });
    await run.untilLogged("Broker not reachable", 2);
    assert.equal(run.publisher.isReady(), false);
    for (const { fields } of run.log.with("Broker not reachable")) {
      assert.match(
        String(fields.error),
        /^Cannot use the exchange or queue at \S+: it does not have Lagoon's properties; [^\n]*inequivalent arg 'durable'/,
      );
    }
    await withChannel(node.url, (channel) => channel.deleteQueue(TOPOLOGY.queue));
    await run.untilReady();
  },
);

faultTest("a wrong password is logged at each attempt, with growing waits", async (node) => {
  const times: number[] = [];
  await using run = runPublisher({ ...node, password: "wrong-password", reconnectCapMs: 60_000 });
  for (let count = 1; count <= 4; count++) {
    await run.untilLogged("Broker not reachable", count);
    times.push(Date.now());
  }
  const lines = run.log.with("Broker not reachable").map(({ fields }) => fields);
  // Jitter leaves at least half of each wait: 0.25, 0.5 and 1 s.
  assert.ok(times.at(-1)! - times[0]! >= 1750, `${times}`);
  assert.deepEqual(lines.slice(0, 4).map(({ attempt }) => attempt), [1, 2, 3, 4]);
  for (const { error } of lines) assert.match(String(error), /^Cannot log in at \S+ as user "guest": check /);
  assert.ok(!JSON.stringify(run.log.lines).includes("wrong-password"));
});

faultTest(
  "a virtual host that is missing or forbidden is logged at each attempt, until it is there",
  async (node) => {
    await node.control("delete_vhost", "/");
    await using run = runPublisher(node);
    await run.untilLogged("Broker not reachable");
    await node.control("add_vhost", "/");
    const attempts = run.log.with("Broker not reachable").length;
    await run.untilLogged("Broker not reachable", attempts + 1);
    for (const { fields } of run.log.with("Broker not reachable")) {
      assert.match(
        String(fields.error),
        /^Cannot open virtual host \/ at \S+: it must exist, and user "guest" needs/,
      );
    }
    await node.control("set_permissions", "-p", "/", "guest", ".*", ".*", ".*");
    await run.untilReady();
  },
);

faultTest("a user without permission to declare is logged", async (node) => {
  await node.control("add_user", "poor", "poor");
  await node.control("set_permissions", "-p", "/", "poor", "", ".*", ".*");
  await using run = runPublisher({ ...node, username: "poor", password: "poor" });
  await run.untilLogged("Broker not reachable");
  assert.match(
    String(run.log.with("Broker not reachable")[0]!.fields.error),
    /^Cannot declare exchange and queue at \S+: user "poor" needs configure, write and read permissions/,
  );
});

faultTest("user and password may have any characters", async (node) => {
  const username = "lagoon@a/b:c?d#e%2F&ü 'x'";
  const password = 'p@ss:w/ö?r#d%41&" $HOME {{}}';
  await node.control("add_user", username, password);
  await node.control("set_permissions", "-p", "/", username, ".*", ".*", ".*");
  await using run = runPublisher({ ...node, username, password });
  await run.untilReady();
  await run.publisher.publish(message("one"), { signal });
  assert.deepEqual(await idsInQueue(node), ["one"]);
});
