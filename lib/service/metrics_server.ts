/**
 * The server for metrics: plain HTTP for anyone who can reach it, or HTTPS for callers that Kubernetes allows.
 *
 * @module
 */
import { createMetricsApp, METRICS_PATH } from "../../routes/metrics.ts";
import type { Config } from "../config/config.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import { createAccessReviewer } from "../kube/access_review.ts";
import { createKubeClient } from "../kube/client.ts";
import type { SharedDependencies } from "./dependencies.ts";

/** Limit for one review by the API server: less than Prometheus waits for a scrape. */
const REVIEW_TIMEOUT_MS = 4000;

/** Prometheus needs one or two. */
const MAX_CONNECTIONS = 16;

/**
 * Starts the server.
 *
 * @throws {AppError} Code `certificate` or `cannot-listen`.
 */
export async function startMetricsServer(
  { address, tls }: NonNullable<Config["metrics"]>,
  dependencies: Pick<SharedDependencies, "metrics" | "clock" | "log" | "openCluster" | "readTextFile">,
): Promise<Pick<HttpServer, "port" | "stop">> {
  const { metrics, clock, log, readTextFile } = dependencies;
  const options = { ...address, maxConnections: MAX_CONNECTIONS };
  if (tls === undefined) return await startHttpServer(options, createMetricsApp(metrics), clock);
  // Loaded only here, because no other part needs node's TLS server and certificates.
  const { certificateFromFiles, createTlsServer } = await import("../tls/certificate.ts");
  const { createSelfSigned } = await import("../tls/self_signed.ts");
  await using stack = new AsyncDisposableStack();
  const access = stack.adopt(await dependencies.openCluster(), (access) => access.close());
  const stopping = new AbortController();
  stack.defer(() => stopping.abort());
  // Nobody can verify a self-signed one, so it need not be renewed.
  const selfSigned = createSelfSigned(tls.hostname, clock.now());
  const readCertificate = tls.certFile === ""
    ? () => Promise.resolve(selfSigned)
    : certificateFromFiles(tls, readTextFile);
  const { wrap } = stack.adopt(await createTlsServer(readCertificate, { clock, log }), (tls) => tls.close());
  const client = createKubeClient({ access, clock, requestTimeoutMs: REVIEW_TIMEOUT_MS });
  const reviewer = createAccessReviewer({ client, path: METRICS_PATH, clock, log, signal: stopping.signal });
  const server = await startHttpServer({ ...options, wrap }, createMetricsApp(metrics, reviewer), clock);
  const parts = stack.move();
  return {
    port: server.port,
    async stop(options) {
      await server.stop(options);
      await parts.disposeAsync();
    },
  };
}
