/**
 * Throughput and latency of posts, compared with what the broker confirms without the program.
 *
 * @module
 */
import { TOPOLOGY } from "../../lib/broker/connection.ts";
import { issueToken } from "../../lib/tokens.ts";
import { withChannel } from "../fixtures/publisher_run.ts";
import { type PrivateNode, startPrivateNode } from "../fixtures/rabbitmq_node.ts";
import type { RunningProgram } from "../fixtures/program.ts";
import type { Figure } from "./figure.ts";
import { emptyQueue } from "./queue.ts";
import { measureRawPublish, type RawPublishFigures } from "./raw_publish.ts";
import { createProgramBundle, postsOnly, SECRET } from "./scene.ts";
import type { Scenario } from "./scenario.ts";
import { type LoadResult, sendLoad } from "./wrk.ts";

const ENVIRONMENTS = 16;
const BUSY = 64;
/** Loads before the first round, until V8 has optimised the hot code. */
const WARM_UP_LOADS = 4;
/** Length of the load before each measured one: a program that was idle is slower at first. */
const WARM_UP_SECONDS = 1;
/** More rounds than requested, because a few pauses of the broker decide the percentiles at 64 connections. */
const ROUNDS_FACTOR = 2;

export const BODY = JSON.stringify([
  {
    name: "php-version",
    value: "8.3.12",
    source: "php",
    description: "Version of PHP",
    category: "Framework",
  },
  {
    name: "drupal-core",
    value: "11.0.5",
    source: "drush",
    description: "Version of Drupal",
    category: "CMS",
  },
  {
    name: "cache",
    value: "redis",
    source: "drush",
    description: "Where caches are kept",
    category: "Service",
  },
]);

/** One token per environment. */
export const TOKENS = Array.from({ length: ENVIRONMENTS }, (_, index) =>
  issueToken(SECRET, {
    namespace: `proj-${index}`,
    environmentId: String(index + 1),
    projectName: "proj",
    environmentName: `env-${index}`,
  }));

/** The broker alone, and the program; each with many connections and with one. */
interface Round {
  readonly raw: Readonly<Record<"busy" | "single", RawPublishFigures>>;
  readonly posts: Readonly<Record<"busy" | "single", LoadResult>>;
}

export const measureHttp: Scenario = {
  parts: ["rabbitmq", "wrk"],
  async run({ rounds, seconds, log }) {
    await using node = await startPrivateNode();
    await using bundle = await createProgramBundle();
    await using program = bundle.start(postsOnly(node));
    await program.untilReady();
    const message = await messageOf(node, program);
    for (let load = 0; load < WARM_UP_LOADS; load++) await post(node, program, BUSY, seconds);
    const all: Round[] = [];
    const roundCount = rounds * ROUNDS_FACTOR;
    for (let round = 1; round <= roundCount; round++) {
      const raw = (inFlight: number) => measureRaw(node, { message, inFlight, seconds });
      const atBothLoads = async <Value>(measure: (connections: number) => Promise<Value>) => ({
        busy: await measure(BUSY),
        single: await measure(1),
      });
      all.push({
        raw: await atBothLoads(raw),
        posts: await atBothLoads(async (connections) => {
          await post(node, program, connections, WARM_UP_SECONDS);
          return await post(node, program, connections, seconds);
        }),
      });
      log(`posts, round ${round} of ${roundCount}: ${JSON.stringify(all.at(-1))}`);
    }
    return figuresOf(all);
  },
};

function figuresOf(rounds: readonly Round[]): Figure[] {
  const limit = (name: string, read: (raw: Round["raw"]) => number) => ({
    name,
    values: rounds.map(({ raw }) => read(raw)),
  });
  return [
    {
      name: "confirmed posts, three facts, 64 connections",
      unit: "/s",
      values: rounds.map(({ posts }) => posts.busy.perSecond),
      limit: limit("raw confirmed publishes, 64 in flight", ({ busy }) => busy.perSecond),
      target: { of: "ratio", kind: "at least", must: 0.45, aim: 0.7 },
    },
    {
      name: "the same, 1 connection, p50",
      unit: "ms",
      values: rounds.map(({ posts }) => posts.single.p50Ms),
      limit: limit("raw confirm, p50", ({ single }) => single.p50Ms),
      target: { of: "ratio", kind: "at most", must: 2, aim: 1.4 },
    },
    {
      name: "the same, 64 connections, p99",
      unit: "ms",
      values: rounds.map(({ posts }) => posts.busy.p99Ms),
      limit: limit("raw confirm, 64 in flight, p99", ({ busy }) => busy.p99Ms),
      target: { of: "ratio", kind: "at most", must: 2.5, aim: 1.5 },
    },
  ];
}

/** Posts {@link BODY} and takes its message from the queue. */
async function messageOf(node: PrivateNode, program: RunningProgram): Promise<string> {
  const response = await fetch(`${program.webUrl}/facts`, {
    method: "POST",
    headers: { authorization: TOKENS[0] ?? "" },
    body: BODY,
  });
  await response.body?.cancel();
  const message = await withChannel(node.url, (channel) => channel.get(TOPOLOGY.queue, { noAck: true }));
  if (!message) throw new Error(`The queue is empty after a post that returned ${response.status}`);
  return message.content.toString();
}

async function measureRaw(
  { url }: PrivateNode,
  { message, ...options }: { message: string; inFlight: number; seconds: number },
): Promise<RawPublishFigures> {
  const figures = await measureRawPublish({ url, body: message, ...options });
  await emptyQueue(url, figures.count);
  return figures;
}

async function post(
  { url }: PrivateNode,
  { webUrl }: RunningProgram,
  connections: number,
  seconds: number,
): Promise<LoadResult> {
  const load = { url: `${webUrl}/facts`, body: BODY, tokens: TOKENS, connections, seconds };
  const result = await sendLoad(load);
  await emptyQueue(url, result.count);
  return result;
}
