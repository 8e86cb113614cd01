/**
 * Throughput with a backlog: how many pending ConfigMaps per second the program sends and then marks or deletes, compared with a
 * bare loop that does the same. The same watch times both, from the first finished ConfigMap to the last.
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
  PENDING,
  timeDrain,
  unmarkAll,
} from "./cluster_scene.ts";
import type { Figure } from "./figure.ts";
import { verifyMessages } from "./queue.ts";
import type { Scenario } from "./scenario.ts";

/** The action after a ConfigMap is sent. */
export type Finish = "mark" | "delete";

/** The program's default. */
const CONCURRENCY = Number(OPTIONS.configMaps.maxConcurrent.defaultText);

const FULL: Fill = { count: 1000, kilobytes: 300 };

type Side = "bare" | "program";

/** ConfigMaps per second. */
type Rates = Readonly<Record<Side, number>>;

export const measureDrain: Scenario = {
  parts: ["rabbitmq", "kube-apiserver"],
  async run({ rounds, scale, log }) {
    await using scene = await createClusterScene();
    const fill = scaled(FULL, scale);
    // Warm up the API server and the broker.
    await measureRound(scene, scaled(fill, 0.1), ["bare", "program"]);
    const all: Record<Finish, Rates>[] = [];
    // An even number, so that each side goes first equally often: the second one finds a longer history in etcd and is slower.
    const roundCount = rounds + (rounds > 1 ? rounds % 2 : 0);
    for (let round = 1; round <= roundCount; round++) {
      all.push(await measureRound(scene, fill, round % 2 === 1 ? ["bare", "program"] : ["program", "bare"]));
      log(`drain, round ${round} of ${roundCount}: ${JSON.stringify(all.at(-1))}`);
    }
    return [
      figure(
        `drain of ${formatCount(fill)} ConfigMaps of ${fill.kilobytes} kB, marked`,
        all.map(({ mark }) => mark),
      ),
      figure("the same with burn after reading", all.map((round) => round.delete)),
    ];
  },
};

/** Scales the count, down to two: a rate needs two ConfigMaps. */
export function scaled({ count, kilobytes }: Fill, scale: number): Fill {
  return { count: Math.max(2, Math.round(count * scale)), kilobytes };
}

export function formatCount({ count }: Pick<Fill, "count">): string {
  return count.toLocaleString("en");
}

async function measureRound(
  scene: ClusterScene,
  fill: Fill,
  order: readonly Side[],
): Promise<Record<Finish, Rates>> {
  const drain: Record<Side, (finish: Finish) => Promise<number>> = {
    bare: (finish) => bareDrain(scene, fill, finish),
    program: async (finish) => (await programDrain(scene, fill, finish)).perSecond,
  };
  const rates = { mark: { bare: NaN, program: NaN }, delete: { bare: NaN, program: NaN } };
  for (const finish of ["mark", "delete"] as const) {
    for (const side of order) {
      await resetConfigMaps(scene, fill);
      rates[finish][side] = await drain[side](finish);
    }
  }
  return rates;
}

async function resetConfigMaps(scene: ClusterScene, fill: Fill): Promise<void> {
  const { all } = await countConfigMaps(scene);
  if (all === 0) await fillCluster(scene, fill);
  else await unmarkAll(scene);
}

/** Lets the program send all pending ConfigMaps; measures the rate and the peak memory in MiB. */
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
    const target = { server, caCertificate, token, broker: scene.node.url, labelSelector: PENDING };
    await runBareDrain({ ...target, concurrency: CONCURRENCY, finish }, { signal });
  });
  await verify(scene, fill, finish);
  return perSecond;
}

/** Verifies the state of the cluster and the queue, and empties the queue. */
async function verify(scene: ClusterScene, { count, kilobytes }: Fill, finish: Finish): Promise<void> {
  const { all, marked } = await countConfigMaps(scene);
  const expected = finish === "mark" ? count : 0;
  if (all !== expected || marked !== expected) {
    throw new Error(
      `The cluster must have ${expected} ConfigMaps, all marked; it has ${all}, ${marked} of them marked`,
    );
  }
  await verifyMessages(scene.node.url, { count, minBytes: kilobytes * 1000 });
}

function figure(name: string, rounds: readonly Rates[]): Figure {
  return {
    name,
    unit: "/s",
    values: rounds.map(({ program }) => program),
    limit: { name: "bare read, confirmed publish and write", values: rounds.map(({ bare }) => bare) },
    target: { of: "ratio", kind: "at least", must: 0.8, aim: 1 },
  };
}
