/**
 * The limit that the broker sets: a separate process that publishes the same message repeatedly, with a fixed number in flight.
 *
 * @module
 */
import { connect } from "amqplib";
import { Buffer } from "node:buffer";
import { declareTopology, TOPOLOGY } from "../../lib/broker/connection.ts";
import { percentile } from "./figure.ts";

export interface RawPublishOptions {
  /** AMQP URL with credentials. */
  readonly url: string;
  readonly body: string;
  /** Number of unconfirmed messages at any time. */
  readonly inFlight: number;
  readonly seconds: number;
}

export interface RawPublishFigures {
  readonly count: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const WARM_UP_MS = 1000;

/**
 * Runs it in a separate process.
 *
 * @throws {Error} With the output of the process, if it fails.
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

/** @returns Milliseconds for each message. */
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
