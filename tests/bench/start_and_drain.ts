/**
 * One start of the program, from source, in a large cluster with ConfigMaps that wait, until all of them are marked: what
 * it asks of the API server, and what memory it takes. Tests run small ones; the benchmark's `scale` and `growth` measure
 * large ones.
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

/** How large the cluster is. */
export interface ScaleOptions {
  /** Lagoon namespaces, each with a good Secret. */
  readonly namespaces: number;
  /** ConfigMaps that wait, spread over ten namespaces. */
  readonly configMaps: number;
  /** Size of each, in kB of base64. */
  readonly kilobytes: number;
}

/** What was seen. */
export interface ScaleFigures {
  /** Memory at its highest, in MiB. */
  readonly peakMib: number;
  /** Requests of the program, by verb and resource. */
  readonly requests: Readonly<Record<string, number>>;
}

/** Namespaces that hold all ConfigMaps that wait. */
const BUSY_NAMESPACES = 10;
const DRAIN_LIMIT_MS = 5 * 60 * 1000;

/** Sets up a cluster, runs the program until everything is done, and stops it. */
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

/** The program is another process: asking again is the only way to learn that it is done. */
async function untilDone(cluster: TestCluster): Promise<void> {
  const limit = Date.now() + DRAIN_LIMIT_MS;
  const waiting = "limit=1&labelSelector=lagoon.sh%2FinsightsType%2C%21lagoon.sh%2FinsightsProcessed";
  for (;;) {
    const list = await cluster.send("GET", `/api/v1/configmaps?${waiting}`) as { items: readonly unknown[] };
    if (list.items.length === 0) return;
    if (Date.now() > limit) throw new Error(`ConfigMaps still wait after ${DRAIN_LIMIT_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** As in a pod, where it runs for real: what reads kubeconfigs would take memory of its own. */
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
  // The messages themselves are of no interest, but somebody has to take them.
  program.stdout.pipeTo(new WritableStream()).catch(() => {});
  return program;
}
