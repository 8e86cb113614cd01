/**
 * ConfigMaps that wait when the program starts: how many a second it sends and marks, or deletes, beside a bare loop that does
 * no more than that. Both are timed by the same watch, from the first ConfigMap that is done to the last.
 *
 * @module
 */
import { OPTIONS } from "../../lib/config/options.ts";
import { programMemory } from "../fixtures/process_memory.ts";
import { runBareDrain } from "./bare_drain.ts";
import {
  type ClusterScene,
  countConfigMaps,
  createClusterScene,
  type Fill,
  fillCluster,
  timeDrain,
  unmarkAll,
  WAITING,
} from "./cluster_scene.ts";
import type { Figure } from "./figure.ts";
import { verifyMessages } from "./queue.ts";
import type { Scenario } from "./scenario.ts";

/** What becomes of a ConfigMap that was sent. */
export type Finish = "mark" | "delete";

/** As many at a time as the program, which runs with its defaults. */
const CONCURRENCY = Number(OPTIONS.configMaps.maxConcurrent.defaultText);

const FULL: Fill = { count: 1000, kilobytes: 300 };

/** The program and its limit take turns to be the first: whoever comes later finds a longer history in etcd. */
type Side = "bare" | "program";

/** ConfigMaps a second. */
type Half = Readonly<Record<Side, number>>;

/** Measures drains. */
export const measureDrain: Scenario = {
  parts: ["rabbitmq", "kube-apiserver"],
  async run({ rounds, scale, tell }) {
    await using scene = await createClusterScene();
    const fill = scaled(FULL, scale);
    // API server and broker take their time over the first ones, whoever sends them.
    await measureRound(scene, scaled(fill, 0.1), ["bare", "program"]);
    const all: Record<Finish, Half>[] = [];
    // Each is the first one as often as the other: the second one is slower by up to a fifth.
    const most = rounds + (rounds > 1 ? rounds % 2 : 0);
    for (let round = 1; round <= most; round++) {
      all.push(await measureRound(scene, fill, round % 2 === 1 ? ["bare", "program"] : ["program", "bare"]));
      tell(`drain, round ${round} of ${most}: ${JSON.stringify(all.at(-1))}`);
    }
    return [
      figure(
        `drain of ${amount(fill)} ConfigMaps of ${fill.kilobytes} kB, marked`,
        all.map(({ mark }) => mark),
      ),
      figure("the same with burn after reading", all.map((round) => round.delete)),
    ];
  },
};

/** The same, made smaller; two are the fewest between which there is a time. */
export function scaled({ count, kilobytes }: Fill, scale: number): Fill {
  return { count: Math.max(2, Math.round(count * scale)), kilobytes };
}

/** How many there are, for people. */
export function amount({ count }: Pick<Fill, "count">): string {
  return count.toLocaleString("en");
}

/** Each way to finish, with each side. */
async function measureRound(
  scene: ClusterScene,
  fill: Fill,
  order: readonly Side[],
): Promise<Record<Finish, Half>> {
  const drain: Record<Side, (finish: Finish) => Promise<number>> = {
    bare: (finish) => bareDrain(scene, fill, finish),
    program: async (finish) => (await programDrain(scene, fill, finish)).perSecond,
  };
  const rates = { mark: { bare: NaN, program: NaN }, delete: { bare: NaN, program: NaN } };
  for (const finish of ["mark", "delete"] as const) {
    for (const side of order) {
      await haveAllWait(scene, fill);
      rates[finish][side] = await drain[side](finish);
    }
  }
  return rates;
}

async function haveAllWait(scene: ClusterScene, fill: Fill): Promise<void> {
  const { all } = await countConfigMaps(scene);
  if (all === 0) await fillCluster(scene, fill);
  else await unmarkAll(scene);
}

/** Has the program send all that wait; gives how many a second, and how much memory it took at most, in MiB. */
export async function programDrain(
  scene: ClusterScene,
  fill: Fill,
  finish: Finish,
): Promise<{ perSecond: number; peakMib: number }> {
  let peakMib = NaN;
  const perSecond = await timeDrain(scene, fill.count, async ({ drained }) => {
    await using program = scene.start({ BURN_AFTER_READING: String(finish === "delete") });
    await drained;
    peakMib = (await programMemory(program)).peak;
  });
  await verify(scene, fill, finish);
  return { perSecond, peakMib };
}

async function bareDrain(scene: ClusterScene, fill: Fill, finish: Finish): Promise<number> {
  const { url: server, caCertificate, token } = scene.apiserver;
  const perSecond = await timeDrain(scene, fill.count, async ({ signal }) => {
    const target = { server, caCertificate, token, broker: scene.node.url, labelSelector: WAITING };
    await runBareDrain({ ...target, concurrency: CONCURRENCY, finish }, { signal });
  });
  await verify(scene, fill, finish);
  return perSecond;
}

/** Looks at cluster and queue, and leaves the queue empty. */
async function verify(scene: ClusterScene, { count, kilobytes }: Fill, finish: Finish): Promise<void> {
  const { all, marked } = await countConfigMaps(scene);
  const expected = finish === "mark" ? count : 0;
  if (all !== expected || marked !== expected) {
    throw new Error(
      `${expected} marked ConfigMaps should be there; there are ${all}, ${marked} of them marked`,
    );
  }
  await verifyMessages(scene.node.url, { count, leastBytes: kilobytes * 1000 });
}

function figure(name: string, rounds: readonly Half[]): Figure {
  return {
    name,
    unit: "/s",
    values: rounds.map(({ program }) => program),
    limit: { name: "bare read, confirmed publish and write", values: rounds.map(({ bare }) => bare) },
    target: { of: "ratio", kind: "at least", must: 0.8, aim: 1 },
  };
}
