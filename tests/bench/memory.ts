/**
 * Memory charged to the program when idle, after many posts and at the peak of drains, and the time that a start takes.
 *
 * @module
 */
import { type ClusterScene, createClusterScene, type Fill, fillCluster, removeAll } from "./cluster_scene.ts";
import { formatCount, programDrain, scaled } from "./drain.ts";
import type { Figure, Target } from "./figure.ts";
import { BODY, TOKENS } from "./http.ts";
import { emptyQueue } from "./queue.ts";
import { programMemory } from "../fixtures/process_memory.ts";
import { MAX_CLUSTER_ROUNDS, type Scenario, type Size } from "./scenario.ts";
import { sendLoad } from "./wrk.ts";

const DRAINS: readonly { fill: Fill; must: number; aim: number; isLong?: boolean }[] = [
  { fill: { count: 1000, kilobytes: 300 }, must: 90, aim: 80 },
  { fill: { count: 500, kilobytes: 950 }, must: 90, aim: 80 },
  { fill: { count: 5000, kilobytes: 950 }, must: 90, aim: 80, isLong: true },
];

const STARTS = 10;
const CONNECTIONS = 64;
/** Longest wait before memory is read: an idle V8 collects garbage and releases its spare pages after 8 seconds. */
const IDLE_SECONDS = 15;

export const measureMemory: Scenario = {
  parts: ["rabbitmq", "kube-apiserver", "wrk"],
  async run({ rounds, log, ...size }) {
    await using scene = await createClusterScene();
    const roundCount = Math.min(rounds, MAX_CLUSTER_ROUNDS);
    const figures: Figure[] = [await measureStarts(scene, Math.max(1, Math.round(STARTS * size.scale)))];
    const idleMemory: { idle: number; posted: number }[] = [];
    for (let round = 1; round <= roundCount; round++) {
      idleMemory.push(await measureIdleMemory(scene, size));
      log(`idle memory, round ${round} of ${roundCount}: ${JSON.stringify(idleMemory.at(-1))}`);
    }
    const afterPosts = `memory charged after ${formatCount({ count: postsOf(size) })} posts`;
    figures.push(
      memory("memory charged, idle", idleMemory.map(({ idle }) => idle), { must: 60, aim: 45 }),
      memory(afterPosts, idleMemory.map(({ posted }) => posted), { must: 85, aim: 70 }),
    );
    for (const { fill: full, isLong = false, ...target } of DRAINS) {
      if (isLong && !size.long) continue;
      const fill = scaled(full, size.scale);
      const name = `peak memory charged, drain of ${formatCount(fill)} × ${fill.kilobytes} kB`;
      const peaks: number[] = [];
      for (let round = 1; round <= (isLong ? 1 : roundCount); round++) {
        peaks.push(await drainPeak(scene, fill));
        log(`${name}, round ${round}: ${peaks.at(-1)} MiB`);
      }
      figures.push(memory(name, peaks, target));
    }
    return figures;
  },
};

/** Minimum number of posts between the two readings. */
function postsOf({ long, scale }: Pick<Size, "long" | "scale">): number {
  return (long ? 1_000_000 : 100_000) * scale;
}

async function drainPeak(scene: ClusterScene, fill: Fill): Promise<number> {
  await fillCluster(scene, fill);
  const { peakMib } = await programDrain(scene, fill, "mark");
  await removeAll(scene);
  return peakMib;
}

/** Time from start to readiness, compared with Deno running an empty file. */
async function measureStarts(scene: ClusterScene, starts: number): Promise<Figure> {
  const empty = await Deno.makeTempFile({ suffix: ".ts" });
  const values: number[] = [];
  const limits: number[] = [];
  try {
    // The first start of each is not counted: it fills the page cache.
    for (let start = 0; start <= starts; start++) {
      const limit = await timeEmpty(empty);
      const value = await timeStart(scene);
      if (start === 0) continue;
      limits.push(limit);
      values.push(value);
    }
  } finally {
    await Deno.remove(empty);
  }
  return {
    name: "start until ready",
    unit: "s",
    values,
    limit: { name: "Deno with an empty program, until it exits", values: limits },
    target: { of: "value", kind: "at most", must: 0.3, aim: 0.25 },
  };
}

async function timeStart(scene: ClusterScene): Promise<number> {
  const startedAt = performance.now();
  await using program = scene.start();
  await program.untilReady();
  return (performance.now() - startedAt) / 1000;
}

async function timeEmpty(path: string): Promise<number> {
  const startedAt = performance.now();
  const { success } = await new Deno.Command(Deno.execPath(), { args: ["run", path], stdin: "null" })
    .output();
  if (!success) throw new Error("Cannot run an empty file with Deno");
  return (performance.now() - startedAt) / 1000;
}

/** Idle memory before and after many posts, in the same process. */
async function measureIdleMemory(
  scene: ClusterScene,
  { seconds, ...size }: Omit<Size, "rounds">,
): Promise<{ idle: number; posted: number }> {
  await using program = scene.start();
  await program.untilReady();
  const settle = () =>
    new Promise((resolve) => setTimeout(resolve, Math.min(3 * seconds, IDLE_SECONDS) * 1000));
  await settle();
  const idle = (await programMemory(program)).now;
  const load = {
    url: `${program.webUrl}/facts`,
    body: BODY,
    tokens: TOKENS,
    connections: CONNECTIONS,
    seconds,
  };
  for (let sent = 0; sent < postsOf(size);) {
    const { count } = await sendLoad(load);
    await emptyQueue(scene.node.url, count);
    sent += count;
  }
  await settle();
  return { idle, posted: (await programMemory(program)).now };
}

function memory(name: string, values: readonly number[], target: Pick<Target, "must" | "aim">): Figure {
  return { name, unit: "MiB", values, target: { of: "value", kind: "at most", ...target } };
}
