/** The promise of docs/delivery.md, for each fault of the broker: the whole program against a private RabbitMQ. */
import assert from "node:assert/strict";
import { TOPOLOGY } from "../../lib/broker/connection.ts";
import { withChannel } from "../fixtures/publisher_run.ts";
import { needsPrivateNode } from "../fixtures/rabbitmq.ts";
import { type PrivateNode, startPrivateNode } from "../fixtures/rabbitmq_node.ts";
import { type Fault, measurePromise } from "../tools/promise.ts";

let node: PrivateNode | undefined;

Deno.test.afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
});

/** By name. */
const FAULTS: Readonly<Record<string, Fault>> = {
  "nothing": () => Promise.resolve(),
  "its application is restarted": async (node) => {
    await node.control("stop_app");
    await node.control("start_app");
  },
  "it is killed and started again": async (node) => {
    await node.kill();
    await node.start();
  },
  "its exchange is deleted": (node) =>
    withChannel(node.url, (channel) => channel.deleteExchange(TOPOLOGY.exchange)),
  "it closes all connections": async (node) => void await node.control("close_all_connections", "test"),
  "it has a memory alarm for a while": async (node) => {
    await node.control("set_vm_memory_high_watermark", "0.0000001");
    await node.control("set_vm_memory_high_watermark", "0.4");
  },
};

for (const [name, fault] of Object.entries(FAULTS)) {
  Deno.test({
    ...needsPrivateNode(
      `a 200 and a mark mean that the message is in the queue, with this fault of the broker: ${name}`,
    ),
    fn: async () => {
      node ??= await startPrivateNode();
      const figures = await measurePromise(node, fault);
      Deno.stdout.writeSync(new TextEncoder().encode(`${name}: ${JSON.stringify(figures)}\n`));
      assert.ok(figures.posts["200"]! > 100);
      assert.equal(figures.posts["reset"], undefined);
      if (name === "nothing") assert.deepEqual([figures.duplicates, figures.deferred], [0, 0]);
      // A fault without effect would prove nothing.
      else assert.ok((figures.posts["503"] ?? 0) > 0);
    },
  });
}
