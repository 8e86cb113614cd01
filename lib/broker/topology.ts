/**
 * The exchange and queue that this program and Lagoon core both declare (docs/protocol.md, "Messages"). Any difference
 * is an error for whichever comes second.
 *
 * @module
 */
import type { Channel } from "amqplib";

/** Names of Lagoon core's insights exchange and queue. */
export const TOPOLOGY = {
  exchange: "lagoon-insights",
  queue: "lagoon-insights:items",
  /** With any other key the broker drops the message, and confirms it all the same. */
  routingKey: "",
} as const;

/**
 * Declares exchange, queue and binding; changes nothing when they exist.
 *
 * @throws An error with code 406 when one exists with other properties.
 */
export async function declareTopology(channel: Channel): Promise<void> {
  await channel.assertExchange(TOPOLOGY.exchange, "direct", { durable: true, autoDelete: false });
  await channel.assertQueue(TOPOLOGY.queue, { durable: true, exclusive: false, autoDelete: false });
  await channel.bindQueue(TOPOLOGY.queue, TOPOLOGY.exchange, TOPOLOGY.routingKey);
}
