/**
 * The server for metrics: open to everybody who reaches it, or over HTTPS for those whom Kubernetes allows.
 *
 * @module
 */
import { createMetricsApp, METRICS_PATH } from "../../routes/metrics.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { type HttpServer, type ListenOptions, startHttpServer } from "../http/server.ts";
import { createAccessReviewer } from "../kube/access_review.ts";
import { createKubeClient } from "../kube/client.ts";
import type { ClusterAccess } from "../kube/credentials.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";

/** What it works with. */
export interface MetricsServerDependencies {
  /** What is served. */
  readonly metrics: Pick<Metrics, "render">;
  /** Time. */
  readonly clock: Clock;
  /** Where the program tells what it does. */
  readonly log: Logger;
  /** How to reach the API server; called only where callers are checked. */
  readonly openCluster: () => Promise<ClusterAccess>;
  /** Reads the certificate and its key. */
  readonly readTextFile: (path: string) => Promise<string>;
}

/** How long the API server may take for one review, in milliseconds: less than Prometheus waits for a scrape. */
const REVIEW_TIMEOUT_MS = 4000;

/** Prometheus needs one or two. */
const MAX_CONNECTIONS = 16;

/**
 * Starts the server.
 *
 * @throws {AppError} Code `certificate` or `cannot-listen`, when it can't.
 */
export async function startMetricsServer(
  config: NonNullable<Config["metrics"]>,
  dependencies: MetricsServerDependencies,
): Promise<HttpServer> {
  const { metrics, clock } = dependencies;
  const options = { ...config.address, maxConnections: MAX_CONNECTIONS };
  if (config.tls === undefined) return await startHttpServer(options, createMetricsApp(metrics), clock);
  return await startSecure(options, config.tls, dependencies);
}

async function startSecure(
  options: ListenOptions,
  { hostname, certFile, keyFile }: NonNullable<NonNullable<Config["metrics"]>["tls"]>,
  dependencies: MetricsServerDependencies,
): Promise<HttpServer> {
  const { metrics, clock, log, readTextFile } = dependencies;
  // Only this speaks TLS: the rest of node's TLS and certificates is loaded only here.
  const { certificateFromFiles, createTlsServer, selfSignedCertificate } = await import(
    "../tls/certificate.ts"
  );
  await using stack = new AsyncDisposableStack();
  const access = stack.adopt(await dependencies.openCluster(), (access) => access.close());
  const stopping = new AbortController();
  stack.defer(() => stopping.abort());
  const readCertificate = certFile === ""
    ? selfSignedCertificate(hostname, clock)
    : certificateFromFiles({ certFile, keyFile }, readTextFile);
  const tls = stack.adopt(await createTlsServer({ readCertificate, clock, log }), (tls) => tls.close());
  const client = createKubeClient({ access, clock, requestTimeoutMs: REVIEW_TIMEOUT_MS });
  const reviewer = createAccessReviewer({ client, path: METRICS_PATH, clock, log, signal: stopping.signal });
  const app = createMetricsApp(metrics, reviewer);
  const server = await startHttpServer({ ...options, wrap: tls.wrap }, app, clock);
  const parts = stack.move();
  return {
    port: server.port,
    get connections() {
      return server.connections;
    },
    beginDrain: () => server.beginDrain(),
    async stop(how) {
      await server.stop(how);
      await parts.disposeAsync();
    },
  };
}
