/**
 * What the scenarios about ConfigMaps share: a cluster with pending ConfigMaps, a broker, and the program between them.
 *
 * @module
 */
import { systemClock } from "../../lib/clock.ts";
import { createKubeClient, type KubeClient } from "../../lib/kube/client.ts";
import type { WatchEvent } from "../../lib/kube/watch_stream.ts";
import { keyOf, type ObjectKey, type PartialObject, RESOURCES } from "../../lib/kube/objects.ts";
import { LABELS } from "../../lib/lagoon.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { listPage } from "../fixtures/list_page.ts";
import { inParallel } from "../fixtures/in_parallel.ts";
import { type KubeApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { sbomOf } from "../fixtures/sboms.ts";
import { createPod } from "../fixtures/pod.ts";
import type { RunningProgram } from "../fixtures/program.ts";
import { type PrivateNode, startPrivateNode } from "../fixtures/rabbitmq_node.ts";
import { brokerVariables, createProgramBundle } from "./scene.ts";

/** Pending ConfigMaps. */
export interface Fill {
  readonly count: number;
  /** Size of each ConfigMap, in kB of base64. */
  readonly kilobytes: number;
}

/** The servers that the program uses. Disposing stops them. */
export interface ClusterScene extends AsyncDisposable {
  readonly apiserver: KubeApiserver;
  readonly node: PrivateNode;
  /** The benchmark's own client; it returns metadata only. */
  readonly kube: KubeClient;
  /** Starts the program as in a pod. It is not ready yet. */
  start(env?: Readonly<Record<string, string>>): RunningProgram;
}

const NAMESPACES = 10;
const NO_DELAY = { SHUTDOWN_DELAY: "0" };
/** Selects pending ConfigMaps. */
export const PENDING = `${LABELS.insightsType},!${LABELS.processed}`;
/** Page size that holds all ConfigMaps of a scenario. */
const SINGLE_PAGE = 20_000;
/** Longest time between two ConfigMaps. */
const IDLE_LIMIT_MS = 30_000;
const WATCH_SECONDS = 30 * 60;

export async function createClusterScene(): Promise<ClusterScene> {
  await using parts = new AsyncDisposableStack();
  const starting = [startKubeApiserver(), startPrivateNode(), createProgramBundle()] as const;
  // If one fails, stop the others.
  for (const started of await Promise.allSettled(starting)) {
    if (started.status === "fulfilled") parts.use(started.value);
  }
  const [apiserver, node, bundle] = await Promise.all(starting);
  const pod = parts.use(await createPod(apiserver));
  const cluster = parts.use(new TestCluster(apiserver));
  const access = parts.adopt(cluster.access(), (opened) => opened.close());
  for (let index = 0; index < NAMESPACES; index++) {
    await cluster.createNamespace(`proj-${index}`, LAGOON_NAMESPACE_LABELS);
  }
  const running = parts.move();
  return {
    apiserver,
    node,
    kube: createKubeClient({ access, clock: systemClock }),
    start: (env = {}) => bundle.start({ ...pod.env, ...brokerVariables(node), ...NO_DELAY, ...env }),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

export function dataOf({ kilobytes }: Pick<Fill, "kilobytes">): Record<string, string> {
  return { "nginx.cyclonedx.json.gz": sbomOf(kilobytes) };
}

/** Creates pending ConfigMaps. */
export async function fillCluster({ kube }: ClusterScene, fill: Fill): Promise<void> {
  const binaryData = dataOf(fill);
  await inParallel(fill.count, async (index) => {
    const key = { namespace: `proj-${index % NAMESPACES}`, name: `sbom-${index}` };
    await kube.create(RESOURCES.configMaps, key, sbomConfigMap({ ...key, binaryData }), noTimeout());
  });
}

/**
 * Makes all processed ConfigMaps pending again. An empty server-side apply removes the marks that the same manager applied; it is
 * cheaper than a merge patch and than creating the ConfigMaps again.
 */
export async function unmarkAll(scene: ClusterScene): Promise<void> {
  await forEach(
    scene,
    (key, { metadata: { uid } }) =>
      scene.kube.apply(RESOURCES.configMaps, key, { metadata: { uid } }, noTimeout()),
  );
}

/** Deletes all insights ConfigMaps. */
export async function removeAll(scene: ClusterScene): Promise<void> {
  await forEach(
    scene,
    (key, { metadata: { uid, resourceVersion } }) =>
      scene.kube.delete(RESOURCES.configMaps, key, { uid, resourceVersion }, noTimeout()),
  );
}

async function forEach(
  scene: ClusterScene,
  work: (key: ObjectKey, object: PartialObject) => Promise<unknown>,
): Promise<void> {
  const items = [...(await list(scene, LABELS.insightsType)).items];
  await inParallel(items.length, async (index) => {
    const object = items[index];
    if (object) await work(keyOf(object), object);
  });
}

export async function countConfigMaps(scene: ClusterScene): Promise<{ marked: number; all: number }> {
  const items = [...(await list(scene, LABELS.insightsType)).items];
  return {
    marked: items.filter(({ metadata }) => metadata.labels?.[LABELS.processed] === "true").length,
    all: items.length,
  };
}

function list({ kube }: ClusterScene, labelSelector: string) {
  return listPage(kube, RESOURCES.configMaps, { labelSelector, limit: SINGLE_PAGE, ...noTimeout() });
}

/**
 * Runs work and watches the pending ConfigMaps meanwhile. A ConfigMap is done once it is marked or deleted.
 *
 * @param work Called once the watch cannot miss anything, and awaited. It must end when its signal aborts.
 * @returns ConfigMaps per second from the first to the last, so that neither the start nor the stop of a process counts.
 * @throws {Error} If no ConfigMap is done for 30 seconds, or the work fails.
 */
export async function timeDrain(
  scene: ClusterScene,
  count: number,
  work: (drain: { readonly drained: Promise<number>; readonly signal: AbortSignal }) => Promise<void>,
): Promise<number> {
  const { resourceVersion } = await list(scene, PENDING);
  const controller = new AbortController();
  const watch = scene.kube.watch(RESOURCES.configMaps, {
    labelSelector: PENDING,
    resourceVersion,
    timeoutSeconds: WATCH_SECONDS,
    idleMs: IDLE_LIMIT_MS,
    onTooLarge: () => {},
    signal: controller.signal,
  });
  const drained = measureRate(watch, count);
  const working = work({ drained, signal: controller.signal });
  try {
    await Promise.all([working, drained]);
    return await drained;
  } finally {
    controller.abort(new Error("The drain has ended"));
    await Promise.allSettled([working, drained]);
  }
}

async function measureRate(watch: AsyncIterable<WatchEvent>, count: number): Promise<number> {
  let first: number | undefined;
  let left = count;
  for await (const { type } of watch) {
    if (type !== "DELETED") continue;
    const now = performance.now();
    first ??= now;
    if (--left === 0) return (count - 1) / (now - first) * 1000;
  }
  throw new Error(`${left} of ${count} ConfigMaps are still pending at the end of the watch`);
}

/** A signal that never aborts: the client limits each request anyway. */
export function noTimeout(): { signal: AbortSignal } {
  return { signal: new AbortController().signal };
}
