/**
 * Builds the service from the configuration, and starts and stops its parts in order (docs/architecture.md). This folder
 * is the only one of lib/ that knows routes and controllers.
 *
 * @module
 */
import { createHealthApp } from "../../routes/health.ts";
import { createApp } from "../../routes/mod.ts";
import { createConsolePublisher } from "../broker/console.ts";
import { createRabbitPublisher } from "../broker/rabbitmq.ts";
import { deadline, delay, unlessAborted } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { AppError, describeError } from "../errors.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import { createMetrics } from "../metrics.ts";
import { createVerifier } from "../tokens.ts";
import { createClusterWork } from "./cluster_work.ts";
import type { ServiceDependencies, SharedDependencies } from "./dependencies.ts";
import { startMetricsServer } from "./metrics_server.ts";

const NEVER = new AbortController().signal;

/**
 * Runs the service until the signal aborts and everything has stopped in order.
 *
 * @throws When a part can't start: a port that is taken, or credentials that can't be read.
 * @throws {AppError} Code `lease-lost`, once everything has stopped, when another replica may lead.
 */
export async function serve(
  config: Config,
  dependencies: ServiceDependencies,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  const { clock, log } = dependencies;
  const metrics = createMetrics();
  const publisher = config.broker.enabled
    ? createRabbitPublisher(config.broker, { ...dependencies, metrics })
    : createConsolePublisher(dependencies.writeMessage);
  const shared = { ...dependencies, publisher, metrics };
  metrics.registerGauge("broker_ready", () => ({ rabbitmq: Number(publisher.isReady()) }));
  const cluster = await createClusterWork(config, shared);
  const leaseLost = new AbortController();
  const stop = AbortSignal.any([signal, leaseLost.signal]);
  const stopBroker = new AbortController();
  const killWork = new AbortController();
  const servers: Pick<HttpServer, "stop">[] = [];

  // Health first, so that the kubelet sees the rest start. What publishes starts after the broker.
  let web: HttpServer | undefined;
  const readiness = {
    running: () => !stop.aborted,
    posts: () => web?.isListening ?? !config.web.enabled,
    broker: publisher.isReady,
    ...cluster.readiness,
  };
  if (config.health) {
    servers.push(await startHttpServer(config.health, createHealthApp(readiness, cluster.liveness), clock));
  }
  if (config.metrics) servers.push(await startMetricsServer(config.metrics, shared));
  const brokerStopped = publisher.run({ signal: stopBroker.signal });
  const clusterStopped = cluster.run({ signal: stop, killSignal: killWork.signal });
  // The kubelet restarts this replica: half of its work would be worse than none.
  clusterStopped.then((outcome) => outcome === "lost" && leaseLost.abort());
  if (config.web.enabled) web = await startWeb(config, shared);
  metrics.registerGauge("http_connections", () => ({ web: web?.connections ?? 0 }));
  log.info("Started", { web: web?.port, health: config.health?.port, metrics: config.metrics?.address.port });

  await unlessAborted(new Promise(() => {}), stop).catch(() => {});
  log.info("Stopping");
  if (web) {
    // Clients that don't know yet still send requests for a moment: don't reject them.
    web.beginDrain();
    await delay(clock, config.shutdown.delayMs, NEVER);
  }
  using grace = deadline(clock, config.shutdown.graceMs);
  grace.signal.addEventListener("abort", () => killWork.abort(grace.signal.reason), { once: true });
  // What publishes stops before the broker, and health stops last.
  const [outcome] = await Promise.all([clusterStopped, web?.stop({ signal: grace.signal })]);
  stopBroker.abort();
  await brokerStopped;
  await Promise.all(servers.map((server) => server.stop({ signal: grace.signal })));
  cluster.close();
  log.info("Stopped");
  if (outcome === "lost") throw new AppError("lease-lost", "Stopped: the Lease was not renewed in time");
}

function startWeb(config: Config, dependencies: SharedDependencies): Promise<HttpServer> {
  const { secret, previousSecret } = config.tokens;
  const secrets = previousSecret ? [secret, previousSecret] : [secret];
  const verify = createVerifier({ secrets, clock: dependencies.clock });
  const app = createApp({ ...dependencies, verify, limits: config.web });
  const onError = (error: Error) =>
    dependencies.log.error("Listening for posts failed", { error: describeError(error) });
  return startHttpServer({ ...config.web, onError }, app, dependencies.clock);
}
