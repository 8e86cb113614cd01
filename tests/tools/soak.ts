/**
 * Long measurements, each of them bounded: `deno task soak` runs all of them, `deno task soak clients` those that are
 * named. Each prints a line of JSON for each thing that it has measured.
 *
 * @module
 */
import { FULL_ATTACKS, measureAttack, startTarget } from "./hostile_clients.ts";

/** Gives figures as they are measured. */
type Scenario = () => AsyncGenerator<object>;

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  clients: async function* () {
    for (const size of FULL_ATTACKS) {
      // A new one for each, so that each has its own peak of memory.
      await using program = await startTarget();
      yield await measureAttack(program, size);
    }
  },
};

if (import.meta.main) {
  const names = Deno.args.length > 0 ? Deno.args : Object.keys(SCENARIOS);
  for (const name of names) {
    const run = SCENARIOS[name];
    if (run === undefined) throw new Error(`No such scenario: ${name}; there is ${Object.keys(SCENARIOS)}`);
    for await (const figures of run()) {
      Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify({ scenario: name, ...figures })}\n`));
    }
  }
}
