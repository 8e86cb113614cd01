/**
 * Latency of a ConfigMap from its label to the queue in an idle program, compared with a bare read and publish.
 *
 * The time starts with the response to the label's patch. Until then the API server stores the ConfigMap; it sends the response
 * and the watch event at about the same time. The response is metadata only, so reading it takes no time.
 *
 * @module
 */
import { connect } from "amqplib";
import { declareTopology, TOPOLOGY } from "../../lib/broker/connection.ts";
import { RESOURCES } from "../../lib/kube/objects.ts";
import { LABELS } from "../../lib/lagoon.ts";
import { SBOM_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { until } from "../fixtures/until.ts";
import { runBareDrain } from "./bare_drain.ts";
import { type ClusterScene, createClusterScene, dataOf, noTimeout, removeAll } from "./cluster_scene.ts";
import { percentile } from "./figure.ts";
import { emptyQueue } from "./queue.ts";
import { MAX_CLUSTER_ROUNDS, type Scenario } from "./scenario.ts";

const FULL_COUNT = 30;
const MIN_COUNT = 2;
const WARM_UP = 10;
const BARE_LIMIT_MS = 60_000;
const ARRIVAL_LIMIT_MS = 10_000;
/** About as long as the program is idle while the next ConfigMap is created. */
const PAUSE_MS = 50;

export const measureLatency: Scenario = {
  parts: ["rabbitmq", "kube-apiserver"],
  async run({ rounds, scale, log }) {
    await using scene = await createClusterScene();
    await using program = scene.start();
    await program.untilReady();
    const count = Math.max(MIN_COUNT, Math.round(FULL_COUNT * scale));
    await labelAll(scene, Math.round(WARM_UP * Math.min(1, count / FULL_COUNT)));
    await removeAll(scene);
    const all: { program: number; bare: number }[] = [];
    const roundCount = Math.min(rounds, MAX_CLUSTER_ROUNDS);
    for (let round = 1; round <= roundCount; round++) {
      const ours = percentile(await labelAll(scene, count), 0.5);
      // The ConfigMaps are marked now, so the program ignores them.
      all.push({ program: ours, bare: await bareP50(scene) });
      await removeAll(scene);
      log(`latency, round ${round} of ${roundCount}: ${JSON.stringify(all.at(-1))}`);
    }
    return [{
      name: "ConfigMap labelled → message in the queue, p50, idle",
      unit: "ms",
      values: all.map((round) => round.program),
      limit: { name: "bare read and confirmed publish, p50", values: all.map(({ bare }) => bare) },
      target: { of: "ratio", kind: "at most", must: 1.5, aim: 1.2 },
    }];
  },
};

/**
 * Labels ConfigMaps one after the other.
 *
 * @returns Milliseconds until each message arrived.
 */
async function labelAll(scene: ClusterScene, count: number): Promise<number[]> {
  await using arrivals = await openArrivals(scene.node.url);
  const latencies: number[] = [];
  const binaryData = dataOf({ kilobytes: 300 });
  for (let index = 0; index < count; index++) {
    const key = { namespace: "proj-0", name: `sbom-${index}` };
    const arrived = arrivals.next();
    const configMap = sbomConfigMap({ ...key, binaryData, labels: {} });
    await scene.kube.create(RESOURCES.configMaps, key, configMap, noTimeout());
    await scene.kube.patch(RESOURCES.configMaps, key, { metadata: { labels: SBOM_LABELS } }, noTimeout());
    const labelledAt = performance.now();
    latencies.push(await arrived - labelledAt);
    await until(`${key.name} is marked`, async () => {
      const { metadata } = await scene.kube.getMetadata(RESOURCES.configMaps, key, noTimeout());
      return metadata.labels?.[LABELS.processed] === "true";
    });
  }
  return latencies;
}

async function bareP50(scene: ClusterScene): Promise<number> {
  const { url: server, caCertificate, token } = scene.apiserver;
  const { count, p50Ms } = await runBareDrain({
    server,
    caCertificate,
    token,
    broker: scene.node.url,
    labelSelector: LABELS.insightsType,
    concurrency: 1,
    finish: "nothing",
    passes: 2,
    pauseMs: PAUSE_MS,
  }, { signal: AbortSignal.timeout(BARE_LIMIT_MS) });
  await emptyQueue(scene.node.url, count);
  return p50Ms;
}

/** Arrival times of messages. */
interface Arrivals extends AsyncDisposable {
  /** Resolves when the next message arrives, to `performance.now()`. */
  next(): Promise<number>;
}

async function openArrivals(url: string): Promise<Arrivals> {
  const connection = await connect(url, { noDelay: true });
  const channel = await connection.createChannel();
  await declareTopology(channel);
  let arrive = (_now: number) => {};
  await channel.consume(TOPOLOGY.queue, () => arrive(performance.now()), { noAck: true });
  return {
    next: () => {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const limit = setTimeout(
        () => reject(new Error(`No message arrived within ${ARRIVAL_LIMIT_MS} ms`)),
        ARRIVAL_LIMIT_MS,
      );
      arrive = (now) => {
        clearTimeout(limit);
        resolve(now);
      };
      return promise;
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
