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
 * What became of a finished build: it got its scanner, had it already, leaves it to the scanner of a later build, or has
 * nothing to scan; its namespace went away; or it failed.
 */
export type ScanOutcome = "created" | "found" | "superseded" | "nothing" | "gone" | "failed";

/**
 * What became of a message: confirmed, and so delivered; returned, since no queue took it; refused by the broker; not
 * sent, since the broker was not ready; or unknown: sent, and it may have arrived, but no confirm came. Who sends one of
 * the last kind again may send it twice.
 */
export type PublishOutcome = "confirmed" | "returned" | "refused" | "not_sent" | "unknown";

/** What became of an attempt to connect to the broker. */
export type ConnectionOutcome = "opened" | "failed";

/** One answered request: the route's pattern, never a path. */
export interface AnsweredRequest {
  /** Such as `/facts/:source`; `other` for paths that lead nowhere. */
  readonly route: string;
  /** HTTP method; `other` for those that no route has. */
  readonly method: string;
  /** HTTP status. */
  readonly code: number;
}

/** The metrics, as the parts of the program use them. */
export interface Metrics {
  /** Counts an outcome; `code` tells why a ConfigMap was refused or deferred, by an error's stable code. */
  countConfigMap(outcome: ConfigMapOutcome, code?: string): void;
  /** The same for a ConfigMap's SBOM at Dependency-Track, by the name of the destination. */
  countSbom(destination: string, outcome: ConfigMapOutcome, code?: string): void;
  /** Counts an outcome. */
  countToken(outcome: TokenOutcome): void;
  /** Counts an outcome; `code` tells why a scan failed. */
  countScan(outcome: ScanOutcome, code?: string): void;
  /** Counts a message, and how long it took, in milliseconds. */
  countPublish(outcome: PublishOutcome, milliseconds: number): void;
  /** Counts an attempt to connect to the broker. */
  countConnection(outcome: ConnectionOutcome): void;
  /** Counts a request. */
  countRequest(request: AnsweredRequest): void;
  /** Registers a gauge whose values, by label value, `read` returns at each scrape. */
  registerGauge(gauge: GaugeName, read: () => Readonly<Record<string, number>>): void;
  /** The text that Prometheus reads, and its content type. */
  render(): Promise<{ readonly text: string; readonly contentType: string }>;
}

/** Every gauge, by its name without the prefix. */
export const GAUGES = {
  configmaps: { help: "Insights ConfigMaps that are not done, by state.", label: "state" },
  sboms_waiting: { help: "SBOMs that wait for Dependency-Track, or for their time.", label: "destination" },
  sboms_in_flight: {
    help: "SBOMs that are being uploaded to Dependency-Track, or processed there.",
    label: "destination",
  },
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
  messages_in_flight: { help: "Messages that are sent and not confirmed.", label: "broker" },
  requests_in_flight: { help: "Requests that are being served.", label: "server" },
  http_connections: { help: "Open connections of clients.", label: "server" },
  broker_blocked: { help: "1 while the broker takes no messages because of an alarm.", label: "broker" },
  broker_ready: { help: "1 while the broker takes messages.", label: "broker" },
  leader: { help: "1 while this replica runs the controllers.", label: "replica" },
} as const;

/** Names of gauges, without the prefix. */
export type GaugeName = keyof typeof GAUGES;

const PREFIX = "insights_remote_";

/** In seconds: from a broker beside us to the default limit of a confirm. */
const PUBLISH_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Makes a set of metrics with its own registry. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: readonly string[]) =>
    new Counter({ name: PREFIX + name, help, labelNames: [...labelNames], registers });
  const configMaps = counter("configmaps_total", "Insights ConfigMaps by what became of them, and why.", [
    "outcome",
    "code",
  ]);
  const sboms = counter("sboms_total", "SBOMs for Dependency-Track by what became of them, and why.", [
    "destination",
    "outcome",
    "code",
  ]);
  const tokens = counter("token_secrets_total", "Token Secrets by what was done to them.", ["outcome"]);
  const scans = counter("build_scans_total", "Finished builds by what became of their scan, and why.", [
    "outcome",
    "code",
  ]);
  const publishes = counter("publishes_total", "Messages by what became of them.", ["outcome"]);
  const connections = counter("broker_connections_total", "Attempts to connect to the broker.", ["outcome"]);
  const requests = counter("http_requests_total", "Requests for facts and problems by their answer.", [
    "route",
    "method",
    "code",
  ]);
  const publishSeconds = new Histogram({
    name: `${PREFIX}publish_duration_seconds`,
    help: "Seconds from sending a message to its confirm; confirmed ones only.",
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
