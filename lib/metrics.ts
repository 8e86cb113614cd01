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

const Registry = RegistryPart as typeof PromClient.Registry;
const Counter = CounterPart as typeof PromClient.Counter;
const Gauge = GaugePart as typeof PromClient.Gauge;
const Histogram = HistogramPart as typeof PromClient.Histogram;

/** What became of a ConfigMap in one reconcile. */
export type ConfigMapOutcome = "sent" | "skipped" | "burned" | "deferred" | "given_up" | "refused";

/** What was done to a token Secret. */
export type TokenOutcome = "created" | "repaired" | "foreign";

/**
 * What became of a finished build: it got its scanner, had one already, is left to the scanner of a later build, or has
 * nothing to scan; its namespace went away; or the scan failed.
 */
export type ScanOutcome = "created" | "found" | "superseded" | "nothing" | "gone" | "failed";

/**
 * What became of a message. `confirmed` is delivered; `returned`: no queue took it; `refused`: the broker rejected it;
 * `not_sent`: the broker was not ready; `unknown`: it was sent and may arrive, but no confirm came, so that it may go
 * twice.
 */
export type PublishOutcome = "confirmed" | "returned" | "refused" | "not_sent" | "unknown";

/** What became of an attempt to connect to the broker. */
export type ConnectionOutcome = "opened" | "failed";

/** One answered request. */
export interface AnsweredRequest {
  /** The route's pattern, such as `/facts/:source`; `other` for unknown paths. */
  readonly route: string;
  /** `other` for methods that no route has. */
  readonly method: string;
  readonly code: number;
}

/** The metrics, as the parts of the program use them. The `code` of an outcome is the stable code of its error. */
export interface Metrics {
  countConfigMap(outcome: ConfigMapOutcome, code?: string): void;
  countSbom(destination: string, outcome: ConfigMapOutcome, code?: string): void;
  countToken(outcome: TokenOutcome): void;
  countScan(outcome: ScanOutcome, code?: string): void;
  countPublish(outcome: PublishOutcome, milliseconds: number): void;
  countConnection(outcome: ConnectionOutcome): void;
  countRequest(request: AnsweredRequest): void;
  /** Registers a gauge whose values, by label value, `read` returns at each scrape. */
  registerGauge(gauge: GaugeName, read: () => Readonly<Record<string, number>>): void;
  render(): Promise<{ readonly text: string; readonly contentType: string }>;
}

/** Every gauge, by its name without the prefix. */
export const GAUGES = {
  configmaps: { help: "Insights ConfigMaps that are not done, by state.", label: "state" },
  sboms_waiting: { help: "SBOMs that wait for Dependency-Track, or are deferred.", label: "destination" },
  sboms_in_flight: {
    help: "SBOMs that are being uploaded to Dependency-Track or processed there.",
    label: "destination",
  },
  queue_ready: { help: "Objects that wait for a worker.", label: "controller" },
  queue_waiting: { help: "Objects that are deferred or backing off.", label: "controller" },
  watch_silence_seconds: {
    help: "Seconds since the API server last sent anything in a watch.",
    label: "watch",
  },
  token_secrets: {
    help: "Lagoon namespaces, by whether their Secret holds a token of the current secret.",
    label: "state",
  },
  messages_in_flight: { help: "Messages that wait for their confirm.", label: "broker" },
  requests_in_flight: { help: "Requests that are being served.", label: "server" },
  http_connections: { help: "Open connections of clients.", label: "server" },
  broker_blocked: { help: "1 while the broker takes no messages because of an alarm.", label: "broker" },
  broker_ready: { help: "1 while the broker takes messages.", label: "broker" },
  leader: { help: "1 while this replica runs the controllers.", label: "replica" },
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
  const counter = (name: string, help: string, ...labelNames: string[]) =>
    new Counter({ name: `${PREFIX}${name}_total`, help, labelNames, registers });
  const configMaps = counter(
    "configmaps",
    "Insights ConfigMaps by outcome and error code.",
    "outcome",
    "code",
  );
  const sboms = counter(
    "sboms",
    "SBOMs for Dependency-Track by outcome and error code.",
    "destination",
    "outcome",
    "code",
  );
  const tokens = counter("token_secrets", "Token Secrets by what was done to them.", "outcome");
  const scans = counter(
    "build_scans",
    "Finished builds by outcome and error code of their scan.",
    "outcome",
    "code",
  );
  const publishes = counter("publishes", "Messages by outcome.", "outcome");
  const connections = counter("broker_connections", "Attempts to connect to the broker.", "outcome");
  const requests = counter(
    "http_requests",
    "Answered requests for facts and problems.",
    "route",
    "method",
    "code",
  );
  const publishSeconds = new Histogram({
    name: `${PREFIX}publish_duration_seconds`,
    help: "Seconds from sending a message to its confirm; confirmed messages only.",
    buckets: PUBLISH_BUCKETS,
    registers,
  });
  return {
    countConfigMap: (outcome, code = "") => configMaps.inc({ outcome, code }),
    countSbom: (destination, outcome, code = "") => sboms.inc({ destination, outcome, code }),
    countToken: (outcome) => tokens.inc({ outcome }),
    countScan: (outcome, code = "") => scans.inc({ outcome, code }),
    countPublish: (outcome, milliseconds) => {
      publishes.inc({ outcome });
      if (outcome === "confirmed") publishSeconds.observe(milliseconds / 1000);
    },
    countConnection: (outcome) => connections.inc({ outcome }),
    countRequest: ({ route, method, code }) => requests.inc({ route, method, code }),
    registerGauge: (name, read) => {
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
