/**
 * Every metric of the program. Labels have few values, and never hold names of tenants' objects.
 *
 * @module
 */
import type * as PromClient from "prom-client";
// The package's main module takes 4 MB more and delays the start: it loads metrics of Node that are not used here.
import CounterPart from "prom-client/lib/counter.js";
import GaugePart from "prom-client/lib/gauge.js";
import HistogramPart from "prom-client/lib/histogram.js";
import RegistryPart from "prom-client/lib/registry.js";

const { Counter, Gauge, Histogram, Registry } = {
  Counter: CounterPart,
  Gauge: GaugePart,
  Histogram: HistogramPart,
  Registry: RegistryPart,
} as typeof PromClient;

/** What became of a ConfigMap in one reconcile. */
export type ConfigMapOutcome = "sent" | "skipped" | "burned" | "deferred" | "given_up" | "refused";

/**
 * What became of a message. `confirmed` is delivered; `returned`: no queue took it; `refused`: the broker rejected it;
 * `not_sent`: the broker was not ready; `unknown`: it was sent and may arrive, but no confirm came, so that it may go
 * twice.
 */
export type PublishOutcome = "confirmed" | "returned" | "refused" | "not_sent" | "unknown";

/** The metrics, as the parts of the program use them. The `code` of an outcome is the stable code of its error. */
export interface Metrics {
  countConfigMap(outcome: ConfigMapOutcome, code?: string): void;
  /** A `repair` is made in the message only; a `warning` is also an Event on the ConfigMap. */
  countFinding(kind: "repair" | "warning", code: string): void;
  countSbom(destination: string, outcome: ConfigMapOutcome, code?: string): void;
  countToken(outcome: "created" | "repaired" | "foreign" | "immutable"): void;
  /**
   * `found`: the build had its scanner already. `superseded`: it is left to the scanner of a later build. `nothing` is
   * there to scan, or the namespace is `gone`.
   */
  countScan(outcome: "created" | "found" | "superseded" | "nothing" | "gone" | "failed", code?: string): void;
  countPublish(outcome: PublishOutcome, milliseconds: number): void;
  countConnection(outcome: "opened" | "failed"): void;
  /** The route is a pattern such as `/facts/:source`; `other` stands for unknown routes and methods. */
  countRequest(labels: { readonly route: string; readonly method: string; readonly code: number }): void;
  /** Registers a gauge whose values, by label value, `read` returns at each scrape. */
  registerGauge(gauge: GaugeName, read: () => Readonly<Record<string, number>>): void;
  render(): Promise<{ readonly text: string; readonly contentType: string }>;
}

/** Label and help text of every gauge, by its name without the prefix. */
export const GAUGES = {
  configmaps: ["state", "Insights ConfigMaps that are not done, by state."],
  sboms_waiting: ["destination", "SBOMs that wait for Dependency-Track, or are deferred."],
  sboms_in_flight: ["destination", "SBOMs that are being uploaded to Dependency-Track or processed there."],
  queue_ready: ["controller", "Objects that wait for a worker."],
  queue_waiting: ["controller", "Objects that are deferred or backing off."],
  watch_silence_seconds: ["watch", "Seconds since the API server last sent anything in a watch."],
  token_secrets: ["state", "Lagoon namespaces, by whether their Secret holds a token of the current secret."],
  messages_in_flight: ["broker", "Messages that wait for their confirm."],
  requests_in_flight: ["server", "Requests that are being served."],
  http_connections: ["server", "Open connections of clients."],
  broker_blocked: ["broker", "1 while the broker takes no messages because of an alarm."],
  broker_ready: ["broker", "1 while the broker takes messages."],
  leader: ["replica", "1 while this replica runs the controllers."],
} as const;

/** Help text and labels of every counter, by its name without prefix and suffix. */
const COUNTERS = {
  configmaps: ["Insights ConfigMaps by outcome and error code.", "outcome", "code"],
  configmap_findings: ["Repairs of ConfigMaps' messages, and warnings about sent ones.", "kind", "code"],
  sboms: ["SBOMs for Dependency-Track by outcome and error code.", "destination", "outcome", "code"],
  token_secrets: ["Token Secrets by what was done to them.", "outcome"],
  build_scans: ["Finished builds by outcome and error code of their scan.", "outcome", "code"],
  publishes: ["Messages by outcome.", "outcome"],
  broker_connections: ["Attempts to connect to the broker.", "outcome"],
  http_requests: ["Answered requests for facts and problems.", "route", "method", "code"],
} as const;

/** Names of gauges, without the prefix. */
export type GaugeName = keyof typeof GAUGES;

const PREFIX = "insights_remote_";

/** In seconds: from a broker on the same machine to the default limit for a confirm. */
const PUBLISH_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Creates a set of metrics with its own registry. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counters = new Map(
    Object.entries(COUNTERS).map(([name, [help, ...labelNames]]) =>
      [name, new Counter({ name: `${PREFIX}${name}_total`, help, labelNames, registers })] as const
    ),
  );
  const count = (name: keyof typeof COUNTERS, labels: Record<string, string | number>) =>
    counters.get(name)?.inc(labels);
  const publishSeconds = new Histogram({
    name: `${PREFIX}publish_duration_seconds`,
    help: "Seconds from sending a message to its confirm; confirmed messages only.",
    buckets: PUBLISH_BUCKETS,
    registers,
  });
  return {
    countConfigMap: (outcome, code = "") => count("configmaps", { outcome, code }),
    countFinding: (kind, code) => count("configmap_findings", { kind, code }),
    countSbom: (destination, outcome, code = "") => count("sboms", { destination, outcome, code }),
    countToken: (outcome) => count("token_secrets", { outcome }),
    countScan: (outcome, code = "") => count("build_scans", { outcome, code }),
    countPublish: (outcome, milliseconds) => {
      count("publishes", { outcome });
      if (outcome === "confirmed") publishSeconds.observe(milliseconds / 1000);
    },
    countConnection: (outcome) => count("broker_connections", { outcome }),
    countRequest: (labels) => count("http_requests", labels),
    registerGauge: (name, read) => {
      const [label, help] = GAUGES[name];
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
