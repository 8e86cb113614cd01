/**
 * Long measurements, all of limited duration: `deno task soak` runs all of them, `deno task soak clients` only those named. Each
 * prints its figures as lines of JSON.
 *
 * @module
 */
import { TOPOLOGY } from "../../lib/broker/connection.ts";
import { withChannel } from "../fixtures/publisher_run.ts";
import { startPrivateNode } from "../fixtures/rabbitmq_node.ts";
import { FULL_ATTACKS, measureAttack, startTarget, UPLOAD_ATTACKS } from "./hostile_clients.ts";
import { BODY_KINDS, measureBodies, startSender } from "./large_bodies.ts";
import { measureOutage } from "./outage.ts";
import { type Fault, measurePromise } from "./promise.ts";
import { measureTenants } from "./tenants.ts";

/** Yields figures as they are measured. */
type Scenario = () => AsyncGenerator<object>;

/** Number of times that each fault is injected. */
const ROUNDS = 10;
const OUTAGE_SECONDS = 60 * 60;
const TENANTS_SECONDS = 60 * 60;
const BODIES_SECONDS = 20;

const FAULTS: Readonly<Record<string, Fault>> = {
  restart: async (node) => {
    await node.control("stop_app");
    await node.control("start_app");
  },
  kill: async (node) => {
    await node.kill();
    await node.start();
  },
  exchange: (node) => withChannel(node.url, (channel) => channel.deleteExchange(TOPOLOGY.exchange)),
};

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  clients: async function* () {
    for (const size of [...FULL_ATTACKS, ...UPLOAD_ATTACKS]) {
      // A new program for each attack, which then has its own memory peak.
      await using program = await startTarget();
      yield await measureAttack(program, size);
    }
  },
  bodies: async function* () {
    await using node = await startPrivateNode();
    for (const kind of BODY_KINDS) {
      for (const [clients, environments] of [[4, 4], [64, 1], [64, 64]] as const) {
        // A new program for each load, which then has its own memory peak.
        await using program = await startSender(node);
        yield await measureBodies(program, { kind, clients, environments, seconds: BODIES_SECONDS });
      }
    }
  },
  // Injects faults into the broker, and checks that every acknowledged message is in the queue.
  broker: async function* () {
    await using node = await startPrivateNode();
    for (let round = 1; round <= ROUNDS; round++) {
      for (const [fault, run] of Object.entries(FAULTS)) {
        yield { round, fault, ...await measurePromise(node, run) };
      }
    }
  },
  // An hour without a broker, while clients keep sending.
  outage: async function* () {
    yield await measureOutage({ seconds: OUTAGE_SECONDS });
  },
  // An hour of attacks by tenants, beside an innocent one.
  tenants: async function* () {
    yield await measureTenants({ seconds: TENANTS_SECONDS });
  },
};

if (import.meta.main) {
  const names = Deno.args.length > 0 ? Deno.args : Object.keys(SCENARIOS);
  for (const name of names) {
    const run = SCENARIOS[name];
    if (run === undefined) {
      throw new Error(`Unknown scenario ${name}: use ${Object.keys(SCENARIOS).join(", ")}`);
    }
    for await (const figures of run()) {
      Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify({ scenario: name, ...figures })}\n`));
    }
  }
}
