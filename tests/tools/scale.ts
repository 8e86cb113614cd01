/**
 * How time and memory of the program grow: a cluster with many namespaces whose Secrets are good, and many ConfigMaps
 * that wait. `deno task scale` runs it in full and prints what it measured, with `--real` on a real kube-apiserver; tests
 * run small ones.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { issueToken } from "../../lib/tokens.ts";
import { type ApiServer, type RequestRecord, startApiServer } from "../fixtures/api_server/mod.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { createCertificates } from "../fixtures/certificates.ts";
import { inParallel } from "../fixtures/in_parallel.ts";
import { startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { createPod, type Pod } from "../fixtures/pod.ts";
import { freePorts } from "../fixtures/ports.ts";
import { residentMemory } from "../fixtures/process_memory.ts";
import { type RunningProgram, startProgram } from "../fixtures/program.ts";

/** How large the cluster is. */
export interface ScaleOptions {
  /** Lagoon namespaces, each with a good Secret. */
  readonly namespaces: number;
  /** ConfigMaps that wait, spread over ten namespaces. */
  readonly configMaps: number;
  /** Size of each, in kB of base64. */
  readonly kilobytes: number;
}

/** What was measured. */
export interface ScaleFigures {
  /** From the program's start until it is ready, in milliseconds. */
  readonly readyMs: number;
  /** From then until every ConfigMap is marked. */
  readonly drainMs: number;
  /** Resident memory at its highest, in MB. */
  readonly peakMegabytes: number;
  /** Resident memory after the work. */
  readonly restMegabytes: number;
  /** Requests of the program, by verb and resource. */
  readonly requests: Readonly<Record<string, number>>;
}

const SECRET = "the-secret-of-the-scale-run";
const TOKEN_LABELS = { "lagoon.sh/insights-token": "true", "lagoon.sh/dynamic-secret": "insights-token" };
/** Namespaces that hold all ConfigMaps that wait. */
const BUSY_NAMESPACES = 10;

/** An API server for one measurement, and how to see from it what the program has done. */
export interface ScaleServer extends AsyncDisposable {
  /** `https://host:port`. */
  readonly url: string;
  /** The CA that its certificate is verified with, PEM. */
  readonly caCertificate: string;
  /** Says who the program and the test are. */
  readonly token: string;
  /** Requests from now on, by verb and resource; none where they can't be counted. */
  countFromNow(): () => Readonly<Record<string, number>>;
}

/** The embedded API server, which counts requests. */
export async function startEmbedded(): Promise<ScaleServer> {
  await using parts = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  const { caCertificate, certificate, key } = await createCertificates(folder);
  const server = parts.use(startApiServer({ token: "token", compactAfter: 1000, tls: { certificate, key } }));
  const running = parts.move();
  return {
    url: server.url,
    caCertificate,
    token: "token",
    countFromNow: () => {
      const last = server.requests.at(-1);
      return () => countRequests(server, last);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** A real kube-apiserver, from the folder in `KUBEBUILDER_ASSETS`. */
export async function startReal(): Promise<ScaleServer> {
  const { url, caCertificate, token, [Symbol.asyncDispose]: dispose } = await startKubeApiserver();
  return { url, caCertificate, token, countFromNow: () => () => ({}), [Symbol.asyncDispose]: dispose };
}

/** Sets up a cluster, runs the program until everything is done, and stops it. */
export async function measureScale(
  options: ScaleOptions,
  startServer: () => Promise<ScaleServer> = startEmbedded,
): Promise<ScaleFigures> {
  await using parts = new AsyncDisposableStack();
  const server = parts.use(await startServer());
  const cluster = parts.use(new TestCluster(server));
  await populate(cluster, options);
  const pod = parts.use(await createPod(server));
  const requests = server.countFromNow();
  const startedAt = performance.now();
  const program = start(pod);
  try {
    await program.untilReady();
    const readyAt = performance.now();
    await untilDone(cluster);
    const drainedAt = performance.now();
    const memory = await residentMemory(program);
    return {
      readyMs: Math.round(readyAt - startedAt),
      drainMs: Math.round(drainedAt - readyAt),
      peakMegabytes: memory.peakMegabytes,
      restMegabytes: memory.megabytes,
      requests: requests(),
    };
  } finally {
    await program.stop();
  }
}

/** The program is another process: asking again is the only way to learn that it is done. */
async function untilDone(cluster: TestCluster): Promise<void> {
  const limit = Date.now() + 20 * 60 * 1000;
  const waiting = "limit=1&labelSelector=lagoon.sh%2FinsightsType%2C%21lagoon.sh%2FinsightsProcessed";
  for (;;) {
    const list = await cluster.send("GET", `/api/v1/configmaps?${waiting}`) as { items: readonly unknown[] };
    if (list.items.length === 0) return;
    if (Date.now() > limit) throw new Error("ConfigMaps still wait after 20 minutes");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function populate(cluster: TestCluster, options: ScaleOptions): Promise<void> {
  await inParallel(options.namespaces, async (index) => {
    const namespace = `proj-${index}`;
    const environment = { namespace, environmentId: "3", projectName: "proj", environmentName: "main" };
    await cluster.createNamespace(namespace, LAGOON_NAMESPACE_LABELS);
    await cluster.create("secrets", namespace, {
      metadata: { name: "insights-token", labels: TOKEN_LABELS },
      type: "Opaque",
      data: { INSIGHTS_TOKEN: btoa(issueToken(SECRET, environment)) },
    });
  });
  const binaryData = { "nginx.cyclonedx.json.gz": "H4sI".repeat(options.kilobytes * 250) };
  await inParallel(options.configMaps, async (index) => {
    const namespace = `proj-${index % Math.min(BUSY_NAMESPACES, options.namespaces)}`;
    await cluster.create("configmaps", namespace, sbomConfigMap({ name: `sbom-${index}`, binaryData }));
  });
}

/** As in a pod, where it runs for real: what reads kubeconfigs would take memory of its own. */
function start(pod: Pod): RunningProgram {
  const [webPort = 0, healthPort = 0] = freePorts(2);
  const program = startProgram({
    webPort,
    healthPort,
    env: {
      ...pod.env,
      INSIGHTS_TOKEN_SECRET: SECRET,
      RABBITMQ_ENABLED: "false",
      CONFIGMAP_RECONCILER_MAX_CONCURRENT: "4",
      ZAP_LOG_LEVEL: "warn",
    },
  });
  // The messages themselves are of no interest, but somebody has to take them.
  program.stdout.pipeTo(new WritableStream()).catch(() => {});
  return program;
}

/**
 * Counts requests but those of {@link untilDone}, which ask for one object.
 *
 * @param last The latest request before the program's start.
 */
function countRequests(server: ApiServer, last: RequestRecord | undefined): Record<string, number> {
  const counts: Record<string, number> = {};
  for (
    const { verb, resource, query } of server.requests.slice(
      server.requests.findLastIndex((record) => record === last) + 1,
    )
  ) {
    if (query["limit"] === "1") continue;
    const name = `${verb} ${resource}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      namespaces: { type: "string", default: "20000" },
      configmaps: { type: "string", default: "5000" },
      kilobytes: { type: "string", default: "300" },
      real: { type: "boolean", default: false },
    },
  });
  const figures = await measureScale({
    namespaces: Number(values.namespaces),
    configMaps: Number(values.configmaps),
    kilobytes: Number(values.kilobytes),
  }, values.real ? startReal : startEmbedded);
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(figures, null, 2)}\n`));
}
