/**
 * A cluster with ConfigMaps that wait, a broker, and the program between them: what the scenarios about ConfigMaps share.
 *
 * @module
 */
import { systemClock } from "../../lib/clock.ts";
import { createKubeClient, type KubeClient } from "../../lib/kube/client.ts";
import type { WatchEvent } from "../../lib/kube/watch_stream.ts";
import { keyOf, type ObjectKey, type PartialObject, RESOURCES } from "../../lib/kube/objects.ts";
import { LABELS } from "../../lib/lagoon.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { inParallel } from "../fixtures/in_parallel.ts";
import { type KubeApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { createPod } from "../fixtures/pod.ts";
import type { RunningProgram } from "../fixtures/program.ts";
import { type PrivateNode, startPrivateNode } from "../fixtures/rabbitmq_node.ts";
import { brokerVariables, createProgramBundle } from "./scene.ts";

/** ConfigMaps that wait. */
export interface Fill {
  readonly count: number;
  /** Size of each, in kB of base64. */
  readonly kilobytes: number;
}

/** Everything that the program works with. Disposing of it stops and removes it. */
export interface ClusterScene extends AsyncDisposable {
  readonly apiserver: KubeApiserver;
  readonly node: PrivateNode;
  /** The benchmark's own hands in the cluster; it answers with metadata alone. */
  readonly kube: KubeClient;
  /** Starts the program as in a pod; it is not ready yet. */
  start(env?: Readonly<Record<string, string>>): RunningProgram;
}

const NAMESPACES = 10;
/** Nobody has to learn that the pod ends. */
const NO_DELAY = { SHUTDOWN_DELAY: "0" };
/** Selects ConfigMaps that wait. */
export const WAITING = `${LABELS.insightsType},!${LABELS.processed}`;
/** More than there ever are. */
const ALL = 20_000;
/** No wait between two ConfigMaps may be longer. */
const SILENCE_LIMIT_MS = 30_000;
const WATCH_SECONDS = 30 * 60;

/** Starts a cluster with Lagoon's namespaces and a broker. */
export async function createClusterScene(): Promise<ClusterScene> {
  await using parts = new AsyncDisposableStack();
  const starting = [startKubeApiserver(), startPrivateNode(), createProgramBundle()] as const;
  // When one fails, the others must not stay.
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

/** Data of a ConfigMap. */
export function dataOf({ kilobytes }: Pick<Fill, "kilobytes">): Record<string, string> {
  return { "nginx.cyclonedx.json.gz": "H4sI".repeat(kilobytes * 250) };
}

/** Creates ConfigMaps that wait. */
export async function fillCluster({ kube }: ClusterScene, fill: Fill): Promise<void> {
  const binaryData = dataOf(fill);
  await inParallel(fill.count, async (index) => {
    const key = { namespace: `proj-${index % NAMESPACES}`, name: `sbom-${index}` };
    await kube.create(RESOURCES.configMaps, key, sbomConfigMap({ ...key, binaryData }), forever());
  });
}

/**
 * Has all processed ConfigMaps wait again: who applies nothing gives up the marks that it has applied. That is the cheapest way;
 * a merge patch takes twice as long, and making the ConfigMaps again nearly so.
 */
export async function unmarkAll(scene: ClusterScene): Promise<void> {
  await forEach(
    scene,
    (key, { metadata: { uid } }) =>
      scene.kube.apply(RESOURCES.configMaps, key, { metadata: { uid } }, forever()),
  );
}

/** Deletes all insights ConfigMaps. */
export async function removeAll(scene: ClusterScene): Promise<void> {
  await forEach(
    scene,
    (key, { metadata: { uid, resourceVersion } }) =>
      scene.kube.delete(RESOURCES.configMaps, key, { uid, resourceVersion }, forever()),
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

/** How many ConfigMaps are marked, and how many there are. */
export async function countConfigMaps(scene: ClusterScene): Promise<{ marked: number; all: number }> {
  const items = [...(await list(scene, LABELS.insightsType)).items];
  return {
    marked: items.filter(({ metadata }) => metadata.labels?.[LABELS.processed] === "true").length,
    all: items.length,
  };
}

function list({ kube }: ClusterScene, labelSelector: string) {
  return kube.list(RESOURCES.configMaps, { labelSelector, limit: ALL, ...forever() });
}

/**
 * Watches while the work is done: ConfigMaps that are marked or deleted no longer wait. Gives how many stop to wait in a
 * second, from the first to the last, so that neither starting nor ending a process counts.
 *
 * @param work Begun when the watch is sure to see all of it, and awaited; it is to end when the drain has failed.
 * @throws {Error} When none stops to wait for 30 seconds, or the work fails.
 */
export async function timeDrain(
  scene: ClusterScene,
  count: number,
  work: (drain: { readonly drained: Promise<number>; readonly signal: AbortSignal }) => Promise<void>,
): Promise<number> {
  const { resourceVersion } = await list(scene, WAITING);
  const over = new AbortController();
  const watch = scene.kube.watch(RESOURCES.configMaps, {
    labelSelector: WAITING,
    resourceVersion,
    timeoutSeconds: WATCH_SECONDS,
    idleMs: SILENCE_LIMIT_MS,
    signal: over.signal,
  });
  const drained = untilGone(watch, count);
  const working = work({ drained, signal: over.signal });
  try {
    await Promise.all([working, drained]);
    return await drained;
  } finally {
    over.abort(new Error("The drain is over"));
    await Promise.allSettled([working, drained]);
  }
}

async function untilGone(watch: AsyncIterable<WatchEvent>, count: number): Promise<number> {
  let first: number | undefined;
  let left = count;
  for await (const { type } of watch) {
    if (type !== "DELETED") continue;
    const now = performance.now();
    first ??= now;
    if (--left === 0) return (count - 1) / (now - first) * 1000;
  }
  throw new Error(`${left} of ${count} ConfigMaps still wait at the end of the watch`);
}

/** Each request has its own limit. */
export function forever(): { signal: AbortSignal } {
  return { signal: new AbortController().signal };
}
