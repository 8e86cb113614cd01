/**
 * Verifies that everything that was counted as sent is in the queue.
 *
 * @module
 */
import { declareTopology, TOPOLOGY } from "../../lib/broker/connection.ts";
import { withChannel } from "../fixtures/publisher_run.ts";

const READ_LIMIT_MS = 120_000;

/**
 * Empties the queue. It may hold more messages than were confirmed, from requests that were cut off at the end of a load.
 *
 * @throws {Error} If it holds fewer.
 */
export async function emptyQueue(url: string, confirmed: number): Promise<void> {
  const { messageCount } = await withChannel(url, (channel) => channel.purgeQueue(TOPOLOGY.queue));
  if (messageCount < confirmed) {
    throw new Error(`${confirmed} messages were confirmed; the queue has ${messageCount}`);
  }
}

/**
 * Empties the queue without keeping its messages, which may be gigabytes.
 *
 * @throws {Error} If it does not hold exactly `count` messages with different ids, each of at least `minBytes`.
 */
export async function verifyMessages(
  url: string,
  wanted: { readonly count: number; readonly minBytes: number },
): Promise<void> {
  await withChannel(url, async (channel) => {
    await declareTopology(channel);
    const { messageCount } = await channel.checkQueue(TOPOLOGY.queue);
    const ids = new Set<string>();
    let small = 0;
    const { promise: done, resolve, reject } = Promise.withResolvers<void>();
    const limit = setTimeout(() => reject(new Error(`Only ${ids.size} messages arrived`)), READ_LIMIT_MS);
    try {
      let left = messageCount;
      if (left === 0) resolve();
      await channel.consume(TOPOLOGY.queue, (message) => {
        if (!message) return;
        ids.add(String(message.properties.messageId));
        if (message.content.length < wanted.minBytes) small++;
        if (--left === 0) resolve();
      }, { noAck: true });
      await done;
    } finally {
      clearTimeout(limit);
    }
    if (messageCount === wanted.count && ids.size === wanted.count && small === 0) return;
    throw new Error(
      `The queue must have ${wanted.count} messages; it has ${messageCount} with ${ids.size} ids, ${small} of them too small`,
    );
  });
}
