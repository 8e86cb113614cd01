/**
 * The benchmark. `deno task bench` runs all scenarios, `deno task bench http` only those named. It prints a table and writes all
 * values as JSON. `--smoke` is a quick run that only shows that the scenarios work; `--long` adds measurements that take many
 * minutes.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { measureDrain } from "./drain.ts";
import type { Figure } from "./figure.ts";
import { measureHttp } from "./http.ts";
import { measureLatency } from "./latency.ts";
import { describeMachine } from "./machine.ts";
import { measureMemory } from "./memory.ts";
import { formatTable, toJson } from "./report.ts";
import { measureScale } from "./scale.ts";
import type { Scenario, Size } from "./scenario.ts";
import { missingParts } from "./scene.ts";

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  http: measureHttp,
  drain: measureDrain,
  latency: measureLatency,
  memory: measureMemory,
  scale: measureScale,
};

const FULL: Omit<Size, "long"> = { rounds: 5, seconds: 5, scale: 1 };
const SMOKE: Omit<Size, "long"> = { rounds: 1, seconds: 1, scale: 0.02 };

const log = (line: string) => Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));

/** @returns Whether all requested scenarios could run. */
async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      smoke: { type: "boolean", default: false },
      long: { type: "boolean", default: false },
      rounds: { type: "string" },
      json: { type: "string", default: "bench.json" },
    },
  });
  const size = values.smoke ? SMOKE : FULL;
  const rounds = Number(values.rounds ?? size.rounds);
  const names = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
  const machine = describeMachine(new Date());
  const figures: Figure[] = [];
  const missing: string[] = [];
  for (const name of names) {
    const scenario = SCENARIOS[name];
    if (!scenario) throw new Error(`Unknown scenario ${name}: use ${Object.keys(SCENARIOS).join(", ")}`);
    const parts = missingParts(scenario.parts);
    missing.push(...parts.map((part) => `Skipped ${name}: it needs ${part}`));
    if (parts.length > 0) continue;
    log(`Measuring ${name}`);
    figures.push(...await scenario.run({ ...size, rounds, long: values.long, log }));
  }
  await Deno.writeTextFile(values.json, `${JSON.stringify(toJson(machine, figures), null, 2)}\n`);
  Deno.stdout.writeSync(new TextEncoder().encode(`${formatTable(figures)}\n`));
  for (const line of missing) log(line);
  return missing.length === 0;
}

if (import.meta.main) Deno.exit(await main() ? 0 : 1);
