/**
 * The service from its parts: builds them from the configuration, starts them in order, and stops them in order
 * (docs/architecture.md). The only file of lib/ that knows routes and controllers.
 *
 * @module
 */
import { createHealthApp } from "../../routes/health.ts";
import { createApp } from "../../routes/mod.ts";
import { createConsolePublisher } from "../broker/console.ts";
import type { Publisher } from "../broker/publisher.ts";
import { createRabbitPublisher } from "../broker/rabbitmq.ts";
import { type Clock, deadline, delay } from "../clock.ts";
import { createClusterWork } from "./cluster_work.ts";
import type { Config } from "../config/config.ts";
import { AppError } from "../errors.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import type { ClusterAccess } from "../kube/credentials.ts";
import { logHowToReach } from "./local_run.ts";
import type { Logger } from "../log.ts";
import { createMetrics, type Metrics } from "../metrics.ts";
import { startMetricsServer } from "./metrics_server.ts";
import { createVerifier } from "../tokens.ts";

/** What the service needs from outside. */
export interface ServiceDependencies {
  /** Time. */
  readonly clock: Clock;
  /** Source of jitter, a number in [0, 1). */
  readonly random: () => number;
  /** Makes the id of a message, a different one each time. */
  readonly newId: () => string;
  /** Where the program tells what it does. */
  readonly log: Logger;
  /** How to reach the API server; called for the controllers, and for secure metrics. */
  readonly openCluster: () => Promise<ClusterAccess>;
  /** Reads the certificates of TLS to the broker and to Dependency-Track, and of metrics. */
  readonly readTextFile: (path: string) => Promise<string>;
  /** Takes messages when there is no broker. */
  readonly writeMessage: (line: Uint8Array) => void;
}

/** For a wait that only its own time ends: who can't wait sends a second signal. */
const NEVER = new AbortController().signal;

/** The broker connection, which outlives everything that publishes. */
interface Broker {
  readonly publisher: Publisher;
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Runs the service until the signal aborts and everything has stopped in order.
 *
 * @throws When a part can't start: a port that is taken, or credentials that can't be read.
 * @throws {AppError} Code `lease-lost`, after everything has stopped, when this replica may not go on.
 */
export async function serve(
  config: Config,
  dependencies: ServiceDependencies,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { clock, log } = dependencies;
  const metrics = createMetrics();
  const broker = createBroker(config, { ...dependencies, metrics });
  metrics.registerGauge("broker_ready", () => ({ rabbitmq: Number(broker.publisher.isReady()) }));
  const cluster = await createClusterWork(config, { ...dependencies, publisher: broker.publisher, metrics });
  const stop = new AbortController();
  // It may have been asked for already, while the cluster was being opened.
  if (signal.aborted) stop.abort();
  signal.addEventListener("abort", () => stop.abort(), { once: true });
  const stopBroker = new AbortController();
  const killWork = new AbortController();
  const servers: HttpServer[] = [];

  // Health first, so that the kubelet can see the rest come up; whatever publishes comes after the broker.
  let web: HttpServer | undefined;
  const readiness = {
    running: () => !stop.signal.aborted,
    posts: () => web !== undefined || !config.web.enabled,
    broker: broker.publisher.isReady,
    ...cluster.readiness,
  };
  if (config.health) {
    servers.push(await startHttpServer(config.health, createHealthApp(readiness, cluster.liveness), clock));
  }
  if (config.metrics) servers.push(await startMetricsServer(config.metrics, { ...dependencies, metrics }));
  const brokerStopped = broker.run(stopBroker.signal);
  const clusterStopped = cluster.run({ signal: stop.signal, killSignal: killWork.signal });
  // Another replica works now: this one starts anew rather than go on half.
  clusterStopped.then((outcome) => outcome === "lost" && stop.abort());
  if (config.web.enabled) web = await startWeb(config, broker.publisher, { ...dependencies, metrics });
  metrics.registerGauge("http_connections", () => ({ web: web?.connections ?? 0 }));
  log.info("Started", { web: web?.port, health: config.health?.port, metrics: config.metrics?.address.port });
  if (config.local) logHowToReach(log, web?.port);

  await aborted(stop.signal);
  log.info("Stopping");
  if (web) {
    // Requests still come for a moment from those who don't know yet; nobody is to find the door shut.
    web.beginDrain();
    await delay(clock, config.shutdown.delayMs, NEVER);
  }
  using grace = deadline(clock, config.shutdown.graceMs);
  grace.signal.addEventListener("abort", () => killWork.abort(grace.signal.reason), { once: true });
  // Who publishes stops first, the broker after them, and who tells the kubelet last.
  const [outcome] = await Promise.all([clusterStopped, web?.stop({ signal: grace.signal })]);
  stopBroker.abort();
  await brokerStopped;
  await Promise.all(servers.map((server) => server.stop({ signal: grace.signal })));
  cluster.close();
  log.info("Stopped");
  if (outcome === "lost") {
    throw new AppError("lease-lost", "Stopped, since the Lease could not be renewed in time: start it again");
  }
}

function startWeb(
  config: Config,
  publisher: Publisher,
  dependencies: ServiceDependencies & { metrics: Metrics },
): Promise<HttpServer> {
  const { secret, previousSecret } = config.tokens;
  const secrets = previousSecret ? [secret, previousSecret] : [secret];
  const app = createApp({
    ...dependencies,
    publisher,
    verify: createVerifier({ secrets, clock: dependencies.clock }),
    limits: config.web,
  });
  return startHttpServer(config.web, app, dependencies.clock);
}

function createBroker(config: Config, dependencies: ServiceDependencies & { metrics: Metrics }): Broker {
  if (config.broker.enabled) {
    const publisher = createRabbitPublisher(config.broker, dependencies);
    return { publisher, run: (signal) => publisher.run({ signal }) };
  }
  return { publisher: createConsolePublisher(dependencies.writeMessage), run: () => Promise.resolve() };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
