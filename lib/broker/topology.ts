/**
 * The exchange and queue that both sides declare (contract §1). Any difference is an error on both sides.
 *
 * @module
 */
import type { Channel } from "amqplib";

/** Names of Lagoon core's insights exchange and queue. */
export const TOPOLOGY = {
  exchange: "lagoon-insights",
  queue: "lagoon-insights:items",
  /** Any other key is dropped by the broker, and confirmed all the same. */
  routingKey: "",
} as const;

/**
 * Declares exchange, queue and binding; nothing changes when they are there.
 *
 * @throws An error with code 406 when one is there with other properties.
 */
export async function declareTopology(channel: Channel): Promise<void> {
  await channel.assertExchange(TOPOLOGY.exchange, "direct", { durable: true, autoDelete: false });
  await channel.assertQueue(TOPOLOGY.queue, { durable: true, exclusive: false, autoDelete: false });
  await channel.bindQueue(TOPOLOGY.queue, TOPOLOGY.exchange, TOPOLOGY.routingKey);
}
