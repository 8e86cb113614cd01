/**
 * Time and memory by the size of the cluster. `deno task bench:growth` measures all sizes and updates docs/growth.json and
 * docs/growth.svg. `--only start`, `drain` or `large`, and `--sizes 1000,5000`, select what to measure; other points stay.
 * `--plot` measures nothing and only redraws docs/growth.svg.
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
/** Number of ConfigMaps as large as an SBOM. */
const LARGE_COUNT = 1_000;

const HOW = {
  parts: "kube-apiserver, etcd, RabbitMQ, the bundled program and the benchmark, on the same two cores; " +
    "only the sites are simulated",
  etcd: "without fsync, so disk latency is not included; compacted every 60 s",
  start:
    "namespaces in one growing cluster, each with a valid Secret insights-token and nothing else; no broker",
  drain: `ConfigMaps of ${CONFIG_MAP_BYTES.drain} bytes of base64 in ten namespaces of a new cluster, ` +
    `CONFIGMAP_RECONCILER_MAX_CONCURRENT=${CONCURRENT}`,
  large: `the same with ${CONFIG_MAP_BYTES.large} bytes`,
  seconds: "from the start of the process",
  memory:
    "charged to a cgroup with a limit of 128 MiB, or anonymous memory where no cgroup can be created, in MB of 10^6 bytes; " +
    "at rest: ten seconds after the work, or in the middle of it for a run that was cut off",
};

const log = (line: string) => Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));

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
  if (missing.length > 0) throw new Error(`Cannot measure growth: it needs ${missing.join(" and ")}`);
  const sizes = values.sizes.split(",").map(Number);
  await using bundle = await createProgramBundle();
  const isWanted = (kind: GrowthKind) => (values.only ?? kind) === kind;
  if (isWanted("start")) {
    for await (const point of measureStarts(bundle, sizes, log)) await save("start", point);
  }
  const limitSeconds = Number(values["limit-seconds"]);
  for (const kind of ["drain", "large"] as const) {
    if (!isWanted(kind)) continue;
    for (const count of kind === "large" ? [LARGE_COUNT] : sizes) {
      const bytes = CONFIG_MAP_BYTES[kind];
      await save(kind, await measureDrain(bundle, { count, bytes, limitSeconds, log }));
    }
  }
}

/** Saves each point at once: a later one may fail or be interrupted. */
async function save(kind: GrowthKind, point: GrowthPoint): Promise<void> {
  log(`${kind}: ${JSON.stringify(point)}`);
  const data: GrowthData = await readGrowth().catch((error) => {
    if (error instanceof Deno.errors.NotFound) return { how: HOW, start: [], drain: [], large: [] };
    throw error;
  });
  const next = { ...withPoint(data, kind, point), how: HOW };
  await writeGrowth(next);
  await Deno.writeTextFile(PLOT, plotGrowth(next));
}

if (import.meta.main) await main();
