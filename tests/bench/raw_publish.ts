/**
 * The limit that the broker sets: a program that publishes one message again and again, a number of them at a time, and does
 * nothing else. It is run in a process of its own, as the load generator is.
 *
 * @module
 */
import { connect } from "amqplib";
import { Buffer } from "node:buffer";
import { declareTopology, TOPOLOGY } from "../../lib/broker/topology.ts";
import { percentile } from "./figure.ts";

/** What is published. */
export interface RawPublishOptions {
  /** Of the broker, with credentials. */
  readonly url: string;
  readonly body: string;
  /** How many are sent and not confirmed. */
  readonly inFlight: number;
  readonly seconds: number;
}

/** What the broker did. */
export interface RawPublishFigures {
  readonly count: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** How long messages are published before the clock runs, in milliseconds, so that code and broker are warm. */
const WARM_UP_MS = 1000;

/**
 * Runs it in another process.
 *
 * @throws {Error} With what it wrote, when it fails.
 */
export async function measureRawPublish(options: RawPublishOptions): Promise<RawPublishFigures> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", "--allow-env", "--allow-read", import.meta.url, JSON.stringify(options)],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`Cannot measure the broker: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function publishAll({ url, body, inFlight, seconds }: RawPublishOptions): Promise<RawPublishFigures> {
  const connection = await connect(url, { noDelay: true });
  try {
    const channel = await connection.createConfirmChannel();
    await declareTopology(channel);
    const content = Buffer.from(body);
    const publish = () =>
      new Promise<void>((resolve, reject) => {
        const options = {
          persistent: true,
          mandatory: true,
          contentType: "application/json",
          messageId: crypto.randomUUID(),
          timestamp: Math.floor(Date.now() / 1000),
          appId: "insights-remote",
        };
        channel.publish(
          TOPOLOGY.exchange,
          TOPOLOGY.routingKey,
          content,
          options,
          (error) => error ? reject(error) : resolve(),
        );
      });
    await publishFor(WARM_UP_MS, inFlight, publish);
    const startedAt = performance.now();
    const latencies = await publishFor(seconds * 1000, inFlight, publish);
    return {
      count: latencies.length,
      perSecond: latencies.length / (performance.now() - startedAt) * 1000,
      p50Ms: percentile(latencies, 0.5),
      p99Ms: percentile(latencies, 0.99),
    };
  } finally {
    await connection.close();
  }
}

/** Milliseconds that each took. */
async function publishFor(
  milliseconds: number,
  inFlight: number,
  publish: () => Promise<void>,
): Promise<number[]> {
  const latencies: number[] = [];
  const end = performance.now() + milliseconds;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    for (let sentAt = performance.now(); sentAt < end; sentAt = performance.now()) {
      await publish();
      latencies.push(performance.now() - sentAt);
    }
  }));
  return latencies;
}

if (import.meta.main) {
  const figures = await publishAll(JSON.parse(Deno.args[0] ?? ""));
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(figures)));
}
