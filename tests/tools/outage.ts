/**
 * Memory while the broker is away and clients go on sending: nothing may be kept for later. Clients send bodies of a
 * typical size and of the largest, with valid tokens, without a pause.
 *
 * @module
 */
import { issueToken } from "../../lib/tokens.ts";
import { freePorts } from "../fixtures/ports.ts";
import { programMemory } from "../fixtures/process_memory.ts";
import { startWithoutCluster } from "../fixtures/program.ts";

/** How long it takes. */
export interface OutageOptions {
  /** In seconds. */
  readonly seconds: number;
}

/** What was measured. */
export interface OutageFigures {
  /** Answers, by status; `reset` counts connections that broke before an answer. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Memory in MiB in the first, second, third and last quarter of the time, on average. */
  readonly mib: readonly number[];
  /** Memory at its highest, in MiB. */
  readonly peakMib: number;
}

const SECRET = "the-secret-of-the-outage-run";
const CLIENTS = 32;
/** One client in so many sends the largest bodies. */
const LARGE_EVERY = 16;
const SMALL_BODY = JSON.stringify(
  Array.from(
    { length: 50 },
    (_, index) => ({ name: `fact-${index}`, value: "v".repeat(100), source: "cron" }),
  ),
);
const LARGE_BODY = JSON.stringify(
  Array.from({ length: 5000 }, (_, index) => ({ identifier: `CVE-${index}`, data: "x".repeat(2000) })),
);

/** Runs the program without a broker, and clients against it. */
export async function measureOutage({ seconds }: OutageOptions): Promise<OutageFigures> {
  const [nobody = 0] = freePorts(1);
  await using program = startWithoutCluster({
    INSIGHTS_TOKEN_SECRET: SECRET,
    RABBITMQ_ADDRESS: `127.0.0.1:${nobody}`,
    RABBITMQ_RECONNECT_RETRY_INTERVAL: "1",
  });
  await untilListening(program.webUrl);
  const end = Date.now() + seconds * 1000;
  const statuses: Record<string, number> = {};
  const clients = Array.from({ length: CLIENTS }, (_, index) => hammer(program.webUrl, index, end, statuses));
  const samples: number[] = [];
  while (Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000, seconds * 10)));
    samples.push((await programMemory(program)).now);
  }
  await Promise.all(clients);
  const { peak } = await programMemory(program);
  return { statuses, mib: quarters(samples), peakMib: peak };
}

/** It is never ready, so that only its port tells that it has started. */
async function untilListening(url: string): Promise<void> {
  const limit = Date.now() + 30_000;
  for (;;) {
    try {
      await (await fetch(url)).body?.cancel();
      return;
    } catch (error) {
      if (Date.now() > limit) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function hammer(
  url: string,
  index: number,
  end: number,
  statuses: Record<string, number>,
): Promise<void> {
  const isLarge = index % LARGE_EVERY === 0;
  const authorization = issueToken(SECRET, {
    namespace: `site-${index}`,
    environmentId: String(index),
    projectName: "proj",
    environmentName: "main",
  });
  while (Date.now() < end) {
    const response = await fetch(`${url}/${isLarge ? "problems" : "facts"}`, {
      method: "POST",
      headers: { authorization },
      body: isLarge ? LARGE_BODY : SMALL_BODY,
    }).catch(() => undefined);
    await response?.body?.cancel().catch(() => {});
    const status = response?.status ?? "reset";
    statuses[status] = (statuses[status] ?? 0) + 1;
  }
}

function quarters(samples: readonly number[]): number[] {
  const length = Math.ceil(samples.length / 4);
  return [0, 1, 2, 3].map((quarter) => {
    const part = samples.slice(quarter * length, (quarter + 1) * length);
    return Math.round(10 * part.reduce((sum, sample) => sum + sample, 0) / Math.max(1, part.length)) / 10;
  });
}
