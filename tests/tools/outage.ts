/**
 * Measures memory while the broker is away and clients send without a pause: nothing may be kept for later. The bodies
 * have a typical size or the largest, and the tokens are valid.
 *
 * @module
 */
import { issueToken } from "../../lib/tokens.ts";
import { freePorts } from "../fixtures/ports.ts";
import { programMemory } from "../fixtures/process_memory.ts";
import { startWithoutCluster } from "../fixtures/program.ts";

/** Options of {@link measureOutage}. */
export interface OutageOptions {
  readonly seconds: number;
}

/** What was measured. */
export interface OutageFigures {
  /** Responses by status; `reset` counts connections that broke before one. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Mean memory in each quarter of the time, in MiB. */
  readonly mib: readonly number[];
  /** Peak memory, in MiB. */
  readonly peakMib: number;
}

const SECRET = "the-secret-of-the-outage-run";
const CLIENTS = 32;
/** One client out of this many sends the largest bodies. */
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
  const end = performance.now() + seconds * 1000;
  const statuses: Record<string, number> = {};
  const clients = Array.from({ length: CLIENTS }, (_, index) => hammer(program.webUrl, index, end, statuses));
  const samples: number[] = [];
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(1000, seconds * 10)));
    samples.push((await programMemory(program)).now);
  }
  await Promise.all(clients);
  const { peak } = await programMemory(program);
  return { statuses, mib: quarters(samples), peakMib: peak };
}

/** The program is never ready here, so only its port shows that it has started. */
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
  while (performance.now() < end) {
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
