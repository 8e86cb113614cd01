/**
 * Requests and memory of one run from source, in a large cluster, from the start until all pending ConfigMaps are marked. Tests
 * use small clusters; the benchmark's `scale` and `growth` measure large ones.
 *
 * @module
 */
import { TestCluster } from "../fixtures/cluster.ts";
import { createPod, type Pod } from "../fixtures/pod.ts";
import { freePorts } from "../fixtures/ports.ts";
import { programMemory } from "../fixtures/process_memory.ts";
import { type RunningProgram, startProgram } from "../fixtures/program.ts";
import { createConfigMaps, createNamespaces, type ScaleServer, startEmbedded } from "./large_cluster.ts";
import { SECRET } from "./scene.ts";

export interface ScaleOptions {
  /** Number of Lagoon namespaces, each with a valid Secret. */
  readonly namespaces: number;
  /** Number of pending ConfigMaps, spread over ten namespaces. */
  readonly configMaps: number;
  /** Size of each ConfigMap, in kB of base64. */
  readonly kilobytes: number;
}

export interface ScaleFigures {
  readonly peakMib: number;
  /** The program's requests, by verb and resource. */
  readonly requests: Readonly<Record<string, number>>;
}

/** Number of namespaces that have ConfigMaps. */
const BUSY_NAMESPACES = 10;
const DRAIN_LIMIT_MS = 5 * 60 * 1000;

/** Creates a cluster, runs the program until no ConfigMap is pending, and stops it. */
export async function measureScale(
  { namespaces, configMaps, kilobytes }: ScaleOptions,
  startServer: () => Promise<ScaleServer> = startEmbedded,
): Promise<ScaleFigures> {
  await using parts = new AsyncDisposableStack();
  const server = parts.use(await startServer());
  const cluster = parts.use(new TestCluster(server));
  await createNamespaces(cluster, 0, namespaces);
  const busy = Math.min(BUSY_NAMESPACES, namespaces);
  await createConfigMaps(cluster, { count: configMaps, namespaces: busy, bytes: kilobytes * 1000 });
  const pod = parts.use(await createPod(server));
  const requests = server.countFromNow();
  const program = parts.use(start(pod));
  await program.untilReady();
  await untilDone(cluster);
  const { peak } = await programMemory(program);
  return { peakMib: peak, requests: requests() };
}

/** Polls the cluster until no ConfigMap is pending. */
async function untilDone(cluster: TestCluster): Promise<void> {
  const limit = Date.now() + DRAIN_LIMIT_MS;
  const query = "limit=1&labelSelector=lagoon.sh%2FinsightsType%2C%21lagoon.sh%2FinsightsProcessed";
  for (;;) {
    const list = await cluster.send("GET", `/api/v1/configmaps?${query}`) as { items: readonly unknown[] };
    if (list.items.length === 0) return;
    if (Date.now() > limit) throw new Error(`ConfigMaps are still pending after ${DRAIN_LIMIT_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Starts the program as in a pod: reading a kubeconfig would take additional memory. */
function start(pod: Pod): RunningProgram {
  const [webPort = 0, healthPort = 0] = freePorts(2);
  const program = startProgram({
    webPort,
    healthPort,
    env: {
      ...pod.env,
      INSIGHTS_TOKEN_SECRET: SECRET,
      RABBITMQ_ENABLED: "false",
      CONFIGMAP_RECONCILER_MAX_CONCURRENT: "4",
      ZAP_LOG_LEVEL: "warn",
    },
  });
  // Discard the messages: a full pipe would block the program.
  program.stdout.pipeTo(new WritableStream()).catch(() => {});
  return program;
}
