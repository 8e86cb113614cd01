/**
 * Measures starts in a growing cluster, and drains of ConfigMaps in a new cluster each, with a real kube-apiserver, etcd and
 * RabbitMQ.
 *
 * @module
 */
import { TOPOLOGY } from "../../lib/broker/connection.ts";
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

type Log = (line: string) => void;

/** Bytes of a ConfigMap's data in base64: small enough that 100,000 fit into etcd, and the size of an SBOM. */
export const CONFIG_MAP_BYTES = { drain: 4_000, large: 300_000 } as const;
/** ConfigMaps that the program sends concurrently. */
export const CONCURRENT = 4;
const BUSY_NAMESPACES = 10;

const START_LIMIT_MS = 180_000;
const REST_MS = 10_000;
const DRAIN_INTERVAL_MS = 100;

/** Measures starts, the smallest count first. */
export async function* measureStarts(
  bundle: ProgramBundle,
  counts: readonly number[],
  log: Log,
): AsyncGenerator<GrowthPoint> {
  await using parts = new AsyncDisposableStack();
  const server = parts.use(await startReal());
  const cluster = parts.use(new TestCluster(server));
  const pod = parts.use(await createPod(server));
  let created = 0;
  for (const count of counts.toSorted((one, other) => one - other)) {
    log(`Creating namespaces ${created} to ${count}`);
    await createNamespaces(cluster, created, count);
    created = count;
    await using program = startWatched(bundle, withoutBroker(pod.env));
    const ms = await untilIdle(program, { namespaces: count, limitMs: START_LIMIT_MS });
    yield { count, seconds: ms / 1000, ...await memoryAtRest(program) };
  }
}

export interface DrainOptions {
  /** Number of ConfigMaps. */
  readonly count: number;
  /** Size of each ConfigMap's data in base64. */
  readonly bytes: number;
  /** The drain is cut off after this time; its duration is then extrapolated from the rate. */
  readonly limitSeconds: number;
  readonly log: Log;
}

export async function measureDrain(
  bundle: ProgramBundle,
  { count, bytes, limitSeconds, log }: DrainOptions,
): Promise<GrowthPoint> {
  await using parts = new AsyncDisposableStack();
  const server = parts.use(await startReal());
  const node = parts.use(await startPrivateNode());
  const cluster = parts.use(new TestCluster(server));
  const pod = parts.use(await createPod(server));
  log(`Creating ${count} ConfigMaps`);
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

/** @returns How many ConfigMaps were sent, once all were or the time ran out. */
async function untilSent(program: WatchedProgram, count: number, limitSeconds: number): Promise<number> {
  let sent = 0;
  const end = performance.now() + limitSeconds * 1000;
  const isOver = async () => (sent = await program.metric(SENT)) >= count || performance.now() > end;
  await program.until(isOver, { limitMs: limitSeconds * 1000 + START_LIMIT_MS, everyMs: DRAIN_INTERVAL_MS });
  return sent;
}

/** Converts MiB to MB, rounded to a tenth. */
function megabytesOf(mib: number): number {
  return Math.round(mib * 2 ** 20 / 1e5) / 10;
}

async function memoryAtRest(program: WatchedProgram) {
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  const { peak, now } = await program.memory();
  return { peakMegabytes: megabytesOf(peak), restMegabytes: megabytesOf(now) };
}

/** @throws {Error} If the queue has fewer messages than the program has counted as sent. */
async function checkQueue({ url }: PrivateNode, sent: number): Promise<void> {
  const { messageCount } = await withChannel(url, (channel) => channel.checkQueue(TOPOLOGY.queue));
  if (messageCount < sent) {
    throw new Error(`The program counted ${sent} sent messages; the queue has ${messageCount}`);
  }
}

function differences(after: Record<string, number>, before: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]),
  );
}

/** Size of etcd's file, from the API server's metrics. */
async function databaseMegabytes({ url, caCertificate, token }: ScaleServer): Promise<number> {
  using client = Deno.createHttpClient({ caCerts: [caCertificate] });
  const response = await fetch(`${url}/metrics`, { client, headers: { authorization: `Bearer ${token}` } });
  const bytes = /^apiserver_storage_size_bytes\{.*\} (\S+)$/m.exec(await response.text())?.[1];
  if (bytes === undefined) throw new Error("The API server's metrics lack apiserver_storage_size_bytes");
  return Math.round(Number(bytes) / 1e5) / 10;
}
