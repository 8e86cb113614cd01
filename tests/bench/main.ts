/**
 * The benchmark: `deno task bench` measures everything, `deno task bench http` what is named. It prints a table for people, and
 * writes all values as JSON. With `--smoke` it measures little and quickly, to show that it works;
 * with `--long` also what takes many minutes.
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

const say = (line: string) => Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));

/** Measures what is named; gives whether nothing was missing. */
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
    if (!scenario) throw new Error(`No such scenario: ${name}; there is ${Object.keys(SCENARIOS)}`);
    const parts = missingParts(scenario.parts);
    missing.push(...parts.map((part) => `Not measured: ${name}, which needs ${part}`));
    if (parts.length > 0) continue;
    say(`Measuring ${name}`);
    figures.push(...await scenario.run({ ...size, rounds, long: values.long, tell: say }));
  }
  await Deno.writeTextFile(values.json, `${JSON.stringify(toJson(machine, figures), null, 2)}\n`);
  Deno.stdout.writeSync(new TextEncoder().encode(`${formatTable(figures)}\n`));
  for (const line of missing) say(line);
  return missing.length === 0;
}

if (import.meta.main) Deno.exit(await main() ? 0 : 1);
