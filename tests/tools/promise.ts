/**
 * The promise of delivery under fault: a 200, and a processed mark, mean that the message is in the queue. The whole
 * program accepts posts of many sites and drains ConfigMaps during a fault of the broker, and all is compared with the
 * queue.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { GetMessage } from "amqplib";
import { startApiServer } from "../fixtures/api_server/mod.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { kubeconfigText } from "../fixtures/kubeconfig.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { freePorts } from "../fixtures/ports.ts";
import { postSteadily, type SiteReport, sumStatuses } from "../fixtures/posting_site.ts";
import { startProgram } from "../fixtures/program.ts";
import { until } from "../fixtures/until.ts";
import { takeMessages } from "../fixtures/rabbitmq.ts";
import type { PrivateNode } from "../fixtures/rabbitmq_node.ts";

/** A fault of the broker, which is over when the promise resolves. */
export type Fault = (node: PrivateNode) => Promise<unknown>;

/** What was sent, confirmed and found. */
export interface PromiseFigures {
  /** Responses to posts, by status. */
  readonly posts: Readonly<Record<string, number>>;
  /** Messages of posts in the queue. */
  readonly queued: number;
  /** Those of them whose confirm was lost, so that the site sent the post again. */
  readonly duplicates: number;
  /** The program's own count of messages, by outcome. */
  readonly publishes: Readonly<Record<string, number>>;
  /** ConfigMaps that are marked as processed. */
  readonly processed: number;
  /** ConfigMaps that are deferred. */
  readonly deferred: number;
  /** Messages of ConfigMaps in the queue. */
  readonly queuedConfigMaps: number;
}

const SECRET = "the-secret-of-the-promise-run";
const SITES = 64;
const CONFIG_MAPS = 100;
const NAMESPACE = "proj-main";

/**
 * Runs the program, breaks the broker in the middle of the load, and checks the promise.
 *
 * @throws {AssertionError} When a confirmed message is not in the queue, or not in order.
 */
export async function measurePromise(node: PrivateNode, fault: Fault): Promise<PromiseFigures> {
  await using parts = new AsyncDisposableStack();
  await takeMessages(node);
  const api = parts.use(startApiServer({ token: "promise-token" }));
  const cluster = parts.use(new TestCluster({ url: api.url, token: "promise-token" }));
  const folder = await Deno.makeTempDir();
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.writeTextFile(`${folder}/kubeconfig`, kubeconfigText(api.url, "promise-token"));
  const [webPort = 0, healthPort = 0, metricsPort = 0] = freePorts(3);
  const program = parts.use(startProgram({
    webPort,
    healthPort,
    env: {
      KUBECONFIG: `${folder}/kubeconfig`,
      KUBERNETES_SERVICE_HOST: "",
      INSIGHTS_TOKEN_SECRET: SECRET,
      RABBITMQ_ADDRESS: `${node.host}:${node.port}`,
      RABBITMQ_RECONNECT_RETRY_INTERVAL: "1",
      METRICS_BIND_ADDRESS: `127.0.0.1:${metricsPort}`,
      METRICS_SECURE: "false",
    },
  }));
  program.stdout.pipeTo(new WritableStream()).catch(() => {});
  await program.untilReady();
  await cluster.createNamespace(NAMESPACE, { ...LAGOON_NAMESPACE_LABELS });

  const stop = new AbortController();
  const sites = Array.from(
    { length: SITES },
    (_, index) =>
      postSteadily({ url: program.webUrl, secret: SECRET, environmentId: index + 1, stop: stop.signal }),
  );
  const creating = createConfigMaps(cluster);
  const marks = () => countMarks(cluster);
  await until("the drain has begun", async () => (await marks()).processed > 10);
  await fault(node);
  await program.untilReady();
  const recoveredAt = (await marks()).processed;
  await until("the drain goes on", async () => {
    const { processed, deferred } = await marks();
    return processed > recoveredAt + 5 || processed + deferred === CONFIG_MAPS;
  });
  stop.abort();
  const reports = await Promise.all(sites);
  await creating;
  await until("each ConfigMap is processed or deferred", async () => {
    const { processed, deferred } = await marks();
    return processed + deferred === CONFIG_MAPS;
  });
  const publishes = await readPublishes(`http://127.0.0.1:${metricsPort}/metrics`);
  return compare(reports, await takeMessages(node), { marked: await marks(), publishes });
}

async function createConfigMaps(cluster: TestCluster): Promise<void> {
  for (let index = 0; index < CONFIG_MAPS; index++) {
    const binaryData = { [configMapName(index)]: btoa(configMapName(index).padEnd(3000)) };
    await cluster.create("configmaps", NAMESPACE, sbomConfigMap({ name: configMapName(index), binaryData }));
  }
}

function configMapName(index: number): string {
  return `sbom-${index}`;
}

interface Marks {
  readonly processed: number;
  readonly deferred: number;
  readonly processedNames: readonly string[];
}

async function countMarks(cluster: TestCluster): Promise<Marks> {
  const objects = await cluster.list("configmaps", NAMESPACE);
  const labelled = (label: string) =>
    objects.filter(({ metadata }) => metadata.labels?.[label] !== undefined);
  const processedNames = labelled("lagoon.sh/insightsProcessed").map(({ metadata }) => metadata.name);
  const deferred = labelled("lagoon.sh/insightsWriteDeferred").length;
  return { processed: processedNames.length, deferred, processedNames };
}

async function readPublishes(metricsUrl: string): Promise<Record<string, number>> {
  const text = await (await fetch(metricsUrl)).text();
  const counts = text.matchAll(/^insights_remote_publishes_total\{outcome="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries([...counts].map(([, outcome, count]) => [outcome, Number(count)]));
}

function compare(
  reports: readonly SiteReport[],
  messages: readonly GetMessage[],
  { marked, publishes }: { marked: Marks; publishes: Record<string, number> },
): PromiseFigures {
  const decoded = messages.map(({ content, properties }) => ({
    id: String(properties.messageId),
    body: JSON.parse(content.toString()),
  }));
  const facts = decoded.filter(({ body }) => body.type === "direct.facts");
  const ids = new Set(facts.map(({ id }) => id));
  const accepted = reports.flatMap((report) => report.accepted);
  assert.deepEqual(accepted.filter(({ id }) => !ids.has(id)), [], "answered with 200 but not in the queue");
  for (const { name } of reports) {
    const numbers = facts.filter(({ body }) => body.projectName === name).map(({ body }) =>
      Number(body.facts[0].value)
    );
    assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b), `out of order: ${name}`);
  }
  const sent = decoded.filter(({ body }) => body.type === "sbom").map(({ body }) =>
    Object.keys(body.binaryPayload)[0]
  );
  assert.deepEqual(
    marked.processedNames.filter((name) => !sent.includes(name)),
    [],
    "marked but not in the queue",
  );
  const duplicates = facts.length - accepted.length;
  const repeated = sent.length - new Set(sent).size;
  // Only a message whose confirm was lost is sent twice, and the program counts those.
  assert.ok(
    duplicates + repeated <= (publishes["unknown"] ?? 0),
    `${duplicates} + ${repeated} were sent twice`,
  );
  return {
    posts: sumStatuses(reports),
    queued: facts.length,
    duplicates,
    publishes,
    processed: marked.processed,
    deferred: marked.deferred,
    queuedConfigMaps: sent.length,
  };
}
