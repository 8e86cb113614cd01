/**
 * Measures one size of the growth: starts among more and more namespaces in one cluster, or the drain of ConfigMaps in a
 * cluster of its own. All parts are real: kube-apiserver, etcd, RabbitMQ.
 *
 * @module
 */
import { TOPOLOGY } from "../../lib/broker/topology.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { createPod } from "../fixtures/pod.ts";
import { withChannel } from "../fixtures/publisher_run.ts";
import { type PrivateNode, startPrivateNode } from "../fixtures/rabbitmq_node.ts";
import type { GrowthPoint } from "./growth_data.ts";
import { createConfigMaps, createNamespaces, type ScaleServer, startReal } from "./large_cluster.ts";
import { processorSeconds } from "./processor_seconds.ts";
import { withoutBroker } from "./scale.ts";
import { brokerVariables, type ProgramBundle } from "./scene.ts";
import { startWatched, untilIdle, type WatchedProgram } from "./watched_program.ts";

/** What is told to who measures. */
export type Tell = (line: string) => void;

/** Bytes of a ConfigMap's data, in base64: so small that 100,000 fit, and as an SBOM has them. */
export const CONFIG_MAP_BYTES = { drain: 4_000, large: 300_000 } as const;
/** ConfigMaps that are sent at the same time, and namespaces that they lie in. */
export const CONCURRENT = 4;
const BUSY_NAMESPACES = 10;

const START_LIMIT_MS = 180_000;
const REST_MS = 10_000;
const DRAIN_INTERVAL_MS = 100;

/** Measures starts; gives a point for each count, the smallest first. */
export async function* measureStarts(
  bundle: ProgramBundle,
  counts: readonly number[],
  tell: Tell,
): AsyncGenerator<GrowthPoint> {
  await using parts = new AsyncDisposableStack();
  const server = parts.use(await startReal());
  const cluster = parts.use(new TestCluster(server));
  const pod = parts.use(await createPod(server));
  let created = 0;
  for (const count of counts.toSorted((one, other) => one - other)) {
    tell(`Creating namespaces ${created} to ${count}`);
    await createNamespaces(cluster, created, count);
    created = count;
    await using program = startWatched(bundle, withoutBroker(pod.env));
    const ms = await untilIdle(program, { namespaces: count, limitMs: START_LIMIT_MS });
    yield { count, seconds: ms / 1000, ...await memoryAtRest(program) };
  }
}

/** What is drained. */
export interface DrainOptions {
  /** ConfigMaps. */
  readonly count: number;
  /** Of the data of each, in base64. */
  readonly bytes: number;
  /** After it the drain is cut off, and its end follows from the rate. */
  readonly limitSeconds: number;
  readonly tell: Tell;
}

/** Measures a drain, at most for a time. */
export async function measureDrain(
  bundle: ProgramBundle,
  { count, bytes, limitSeconds, tell }: DrainOptions,
): Promise<GrowthPoint> {
  await using parts = new AsyncDisposableStack();
  const server = parts.use(await startReal());
  const node = parts.use(await startPrivateNode());
  const cluster = parts.use(new TestCluster(server));
  const pod = parts.use(await createPod(server));
  tell(`Creating ${count} ConfigMaps`);
  await createNamespaces(cluster, 0, BUSY_NAMESPACES);
  await createConfigMaps(cluster, { count, namespaces: BUSY_NAMESPACES, bytes });
  const before = await databaseMegabytes(server);
  const cpuBefore = await processorSeconds();
  const program = parts.use(startWatched(bundle, {
    ...pod.env,
    ...brokerVariables(node),
    CONFIGMAP_RECONCILER_MAX_CONCURRENT: String(CONCURRENT),
    ZAP_LOG_LEVEL: "warn",
  }));
  await program.untilReady(START_LIMIT_MS);
  const readySeconds = secondsOf(program);
  const sentAtReady = await program.metric(SENT);
  const sent = await untilSent(program, count, limitSeconds);
  const seconds = secondsOf(program);
  const cpu = differences(await processorSeconds(), cpuBefore);
  const databases = { before, after: await databaseMegabytes(server) };
  const rest = await memoryAtRest(program);
  await checkQueue(node, sent);
  const rate = (sent - sentAtReady) / (seconds - readySeconds);
  return {
    count,
    seconds: sent === count ? seconds : readySeconds + (count - sentAtReady) / rate,
    ...rest,
    ...(sent === count ? {} : { cutOff: { sent, seconds: Math.round(seconds) } }),
    processorSeconds: cpu,
    databaseMegabytes: databases,
  };
}

const SENT = 'configmaps_total{outcome="sent",code=""}';

const secondsOf = ({ startedAt }: WatchedProgram) => (performance.now() - startedAt) / 1000;

/** Gives how many were sent when all were, or when the time was over. */
async function untilSent(program: WatchedProgram, count: number, limitSeconds: number): Promise<number> {
  let sent = 0;
  const end = performance.now() + limitSeconds * 1000;
  const isOver = async () => (sent = await program.metric(SENT)) >= count || performance.now() > end;
  await program.until(isOver, { limitMs: limitSeconds * 1000 + START_LIMIT_MS, everyMs: DRAIN_INTERVAL_MS });
  return sent;
}

/** Rounded to a tenth. */
function megabytesOf(mib: number): number {
  return Math.round(mib * 2 ** 20 / 1e5) / 10;
}

async function memoryAtRest(program: WatchedProgram) {
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  const { peak, now } = await program.memory();
  return { peakMegabytes: megabytesOf(peak), restMegabytes: megabytesOf(now) };
}

/** What counts as sent is in the queue. */
async function checkQueue({ url }: PrivateNode, sent: number): Promise<void> {
  const { messageCount } = await withChannel(url, (channel) => channel.checkQueue(TOPOLOGY.queue));
  if (messageCount < sent) throw new Error(`${sent} were sent, and ${messageCount} are in the queue`);
}

function differences(after: Record<string, number>, before: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]),
  );
}

/** How large etcd's file is, as the API server tells it. */
async function databaseMegabytes({ url, caCertificate, token }: ScaleServer): Promise<number> {
  using client = Deno.createHttpClient({ caCerts: [caCertificate] });
  const response = await fetch(`${url}/metrics`, { client, headers: { authorization: `Bearer ${token}` } });
  const bytes = /^apiserver_storage_size_bytes\{.*\} (\S+)$/m.exec(await response.text())?.[1];
  if (bytes === undefined) throw new Error("The API server does not tell how large etcd's file is");
  return Math.round(Number(bytes) / 1e5) / 10;
}
