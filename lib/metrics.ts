/**
 * Every metric of the program, with its name, labels and help text, and their Prometheus text. Labels have few values
 * and never hold names of tenants' objects.
 *
 * @module
 */
import type * as PromClient from "prom-client";
// Only the parts in use: the rest of the package loads Node's cluster and HTTP clients.
import CounterPart from "prom-client/lib/counter.js";
import GaugePart from "prom-client/lib/gauge.js";
import RegistryPart from "prom-client/lib/registry.js";

const Registry = RegistryPart as typeof PromClient.Registry;
const Counter = CounterPart as typeof PromClient.Counter;
const Gauge = GaugePart as typeof PromClient.Gauge;

/** What became of a ConfigMap in one reconcile. */
export type ConfigMapOutcome = "sent" | "burned" | "deferred" | "given_up" | "refused";

/** What was done to a token Secret. */
export type TokenOutcome = "created" | "repaired" | "foreign";

/** The metrics, as the parts of the program use them. */
export interface Metrics {
  /** Counts an outcome; `code` tells why a ConfigMap was refused or deferred, by an error's stable code. */
  countConfigMap(outcome: ConfigMapOutcome, code?: string): void;
  /** Counts an outcome. */
  countToken(outcome: TokenOutcome): void;
  /** Has a gauge tell, whenever it is read, what `read` gives: by label value where there is a label. */
  observe(gauge: GaugeName, read: () => Readonly<Record<string, number>>): void;
  /** The text that Prometheus reads, and its content type. */
  render(): Promise<{ readonly text: string; readonly contentType: string }>;
}

/** Every gauge, by its name without the prefix. */
export const GAUGES = {
  queue_ready: { help: "Objects that wait for a worker.", label: "controller" },
  queue_waiting: { help: "Objects that wait for their time: deferred, or backing off.", label: "controller" },
  watch_silence_seconds: {
    help: "Seconds since the API server last told anything in a watch.",
    label: "watch",
  },
  token_secrets: {
    help: "Lagoon namespaces, by whether their Secret holds a token of the current secret.",
    label: "state",
  },
  broker_ready: { help: "1 while the broker takes messages.", label: "broker" },
  leader: { help: "1 while this replica runs the controllers.", label: "replica" },
} as const;

/** Names of gauges, without the prefix. */
export type GaugeName = keyof typeof GAUGES;

const PREFIX = "insights_remote_";

/** Makes a set of metrics with its own registry. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const configMaps = new Counter({
    name: `${PREFIX}configmaps_total`,
    help: "Insights ConfigMaps by what became of them, and why.",
    labelNames: ["outcome", "code"],
    registers,
  });
  const tokens = new Counter({
    name: `${PREFIX}token_secrets_total`,
    help: "Token Secrets by what was done to them.",
    labelNames: ["outcome"],
    registers,
  });
  return {
    countConfigMap: (outcome, code = "") => configMaps.inc({ outcome, code }),
    countToken: (outcome) => tokens.inc({ outcome }),
    observe: (name, read) => {
      const { help, label } = GAUGES[name];
      new Gauge({
        name: PREFIX + name,
        help,
        labelNames: [label],
        registers,
        collect() {
          this.reset();
          for (const [value, number] of Object.entries(read())) this.set({ [label]: value }, number);
        },
      });
    },
    render: async () => ({ text: await registry.metrics(), contentType: registry.contentType }),
  };
}
