/**
 * What the benchmark does with the queue: whatever counts as sent must be there.
 *
 * @module
 */
import { declareTopology, TOPOLOGY } from "../../lib/broker/topology.ts";
import { withChannel } from "../fixtures/publisher_run.ts";

const READ_LIMIT_MS = 120_000;

/** Empties the queue, which must hold what was confirmed; requests that the end of a load cut off may have added some. */
export async function emptyQueue(url: string, confirmed: number): Promise<void> {
  const { messageCount } = await withChannel(url, (channel) => channel.purgeQueue(TOPOLOGY.queue));
  if (messageCount < confirmed) {
    throw new Error(`${confirmed} were confirmed, and ${messageCount} are in the queue`);
  }
}

/**
 * Reads the queue until it is empty, and keeps nothing: there may be gigabytes.
 *
 * @throws {Error} When it doesn't hold exactly so many messages, each with an id of its own and of a size.
 */
export async function verifyMessages(
  url: string,
  wanted: { readonly count: number; readonly leastBytes: number },
): Promise<void> {
  await withChannel(url, async (channel) => {
    await declareTopology(channel);
    const { messageCount } = await channel.checkQueue(TOPOLOGY.queue);
    const ids = new Set<string>();
    let small = 0;
    const { promise: done, resolve, reject } = Promise.withResolvers<void>();
    const limit = setTimeout(() => reject(new Error(`Only ${ids.size} messages came`)), READ_LIMIT_MS);
    try {
      let left = messageCount;
      if (left === 0) resolve();
      await channel.consume(TOPOLOGY.queue, (message) => {
        if (!message) return;
        ids.add(String(message.properties.messageId));
        if (message.content.length < wanted.leastBytes) small++;
        if (--left === 0) resolve();
      }, { noAck: true });
      await done;
    } finally {
      clearTimeout(limit);
    }
    if (messageCount === wanted.count && ids.size === wanted.count && small === 0) return;
    throw new Error(
      `Of ${wanted.count} messages ${ids.size} are in the queue (${messageCount} in all), ${small} of them too small`,
    );
  });
}
