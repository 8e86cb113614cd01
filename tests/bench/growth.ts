/**
 * How time and memory grow with the cluster: `deno task bench:growth` measures all sizes, with `--only start`, `drain` or
 * `large` and `--sizes 1000,5000` what is named, and writes docs/growth.json and docs/growth.svg. What is not measured
 * again stays as it was. `--plot` measures nothing, and draws again what is there.
 *
 * @module
 */
import { parseArgs } from "node:util";
import {
  type GrowthData,
  type GrowthKind,
  type GrowthPoint,
  PLOT,
  readGrowth,
  withPoint,
  writeGrowth,
} from "./growth_data.ts";
import { CONCURRENT, CONFIG_MAP_BYTES, measureDrain, measureStarts } from "./growth_measure.ts";
import { plotGrowth } from "./plot.ts";
import { createProgramBundle, missingParts } from "./scene.ts";

const SIZES = [1_000, 5_000, 20_000, 100_000];
/** ConfigMaps as large as an SBOM. */
const LARGE = 1_000;

const HOW = {
  parts:
    "kube-apiserver and etcd, RabbitMQ, the program as its bundle, and the tool, on the same two cores; " +
    "nothing is simulated but the sites",
  etcd: "without fsync, which flatters a disk's share; compacted every 60 s",
  start:
    "namespaces in one cluster that grows, each with a good Secret insights-token and nothing else; no broker",
  drain: `ConfigMaps of ${CONFIG_MAP_BYTES.drain} bytes of base64 in ten namespaces of a new cluster, ` +
    `CONFIGMAP_RECONCILER_MAX_CONCURRENT=${CONCURRENT}`,
  large: `the same with ${CONFIG_MAP_BYTES.large} bytes`,
  seconds: "from the program's start as a process, which takes about half a second by itself",
  memory:
    "charged to a cgroup of 128 MiB, or anonymous where there is none, in MB of 10^6 bytes; at rest: ten seconds after the work, " +
    "or, of a run that was cut off, in the middle of it",
};

const say = (line: string) => Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      only: { type: "string" },
      plot: { type: "boolean", default: false },
      sizes: { type: "string", default: SIZES.join() },
      "limit-seconds": { type: "string", default: "480" },
    },
  });
  if (values.plot) return await Deno.writeTextFile(PLOT, plotGrowth(await readGrowth()));
  const missing = missingParts(["kube-apiserver", "rabbitmq"]);
  if (missing.length > 0) throw new Error(`Cannot measure without ${missing.join(" and ")}`);
  const sizes = values.sizes.split(",").map(Number);
  await using bundle = await createProgramBundle();
  const isWanted = (kind: GrowthKind) => (values.only ?? kind) === kind;
  if (isWanted("start")) {
    for await (const point of measureStarts(bundle, sizes, say)) await keep("start", point);
  }
  const limitSeconds = Number(values["limit-seconds"]);
  for (const kind of ["drain", "large"] as const) {
    if (!isWanted(kind)) continue;
    for (const count of kind === "large" ? [LARGE] : sizes) {
      const bytes = CONFIG_MAP_BYTES[kind];
      await keep(kind, await measureDrain(bundle, { count, bytes, limitSeconds, tell: say }));
    }
  }
}

/** At once: a later size may fail, or take longer than somebody waits. */
async function keep(kind: GrowthKind, point: GrowthPoint): Promise<void> {
  say(`${kind}: ${JSON.stringify(point)}`);
  const data: GrowthData = await readGrowth().catch((error) => {
    if (error instanceof Deno.errors.NotFound) return { how: HOW, start: [], drain: [], large: [] };
    throw error;
  });
  const next = { ...withPoint(data, kind, point), how: HOW };
  await writeGrowth(next);
  await Deno.writeTextFile(PLOT, plotGrowth(next));
}

if (import.meta.main) await main();
