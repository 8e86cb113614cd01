/**
 * The limit that cluster and broker set for ConfigMaps: a bare loop that reads each, publishes it, and marks or deletes it after
 * the confirm, with nothing around it. It is run in a process of its own, as the program is.
 *
 * @module
 */
import { type ConfirmChannel, connect } from "amqplib";
import { Buffer } from "node:buffer";
import { declareTopology, TOPOLOGY } from "../../lib/broker/topology.ts";
import { percentile } from "./figure.ts";

/** Where and how. */
export interface BareDrainOptions {
  /** `https://host:port` of the API server. */
  readonly server: string;
  readonly caCertificate: string;
  readonly token: string;
  /** Of the broker, with credentials. */
  readonly broker: string;
  /** Which ConfigMaps; they are listed before the first is read. */
  readonly labelSelector: string;
  /** How many of them are worked on at a time. */
  readonly concurrency: number;
  /** What is done after the confirm. */
  readonly finish: "mark" | "delete" | "nothing";
  /** How often all are read and sent, the first times only to warm up. @default Once. */
  readonly passes?: number;
  /** Wait before each, in milliseconds, so that all parts are as idle as beside an idle program. @default {0} */
  readonly pauseMs?: number;
}

/** What was possible. */
export interface BareDrainFigures {
  /** How many were published, in all passes. */
  readonly count: number;
  /** Of one ConfigMap in the last pass, from the request to the end of its work. */
  readonly p50Ms: number;
}

interface ConfigMap {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly binaryData?: Readonly<Record<string, string>>;
}

interface Parts {
  readonly options: BareDrainOptions;
  readonly client: Deno.HttpClient;
  readonly channel: ConfirmChannel;
}

const METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/**
 * Runs it in another process.
 *
 * @param signal Kills the process.
 * @throws {Error} With what it wrote, when it fails.
 */
export async function runBareDrain(
  options: BareDrainOptions,
  { signal }: { readonly signal: AbortSignal },
): Promise<BareDrainFigures> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", "--allow-env", "--allow-read", import.meta.url, JSON.stringify(options)],
    stdin: "null",
    signal,
  }).output();
  if (!success) throw new Error(`Cannot measure the bare loop: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function drain(options: BareDrainOptions): Promise<BareDrainFigures> {
  const client = Deno.createHttpClient({ http2: false, caCerts: [options.caCertificate] });
  const connection = await connect(options.broker, { noDelay: true });
  try {
    const channel = await connection.createConfirmChannel();
    await declareTopology(channel);
    const parts = { options, client, channel };
    const paths = await listPaths(parts);
    const passes = options.passes ?? 1;
    let latencies: number[] = [];
    for (let pass = 0; pass < passes; pass++) latencies = await drainOnce(parts, paths);
    return { count: passes * paths.length, p50Ms: percentile(latencies, 0.5) };
  } finally {
    await connection.close();
    client.close();
  }
}

/** Gives how long each took, in milliseconds. */
async function drainOnce(parts: Parts, paths: readonly string[]): Promise<number[]> {
  const { concurrency, pauseMs = 0 } = parts.options;
  const latencies: number[] = [];
  const left = paths.values();
  await Promise.all(Array.from({ length: concurrency }, async () => {
    for (const path of left) {
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      const startedAt = performance.now();
      await ship(parts, path);
      latencies.push(performance.now() - startedAt);
    }
  }));
  return latencies;
}

async function ship(parts: Parts, path: string): Promise<void> {
  const configMap: ConfigMap = await (await ask(parts, "GET", path)).json();
  await publish(parts.channel, configMap);
  if (parts.options.finish === "mark") await mark(parts, path, configMap);
  if (parts.options.finish === "delete") await remove(parts, path, configMap);
}

async function listPaths(parts: Parts): Promise<string[]> {
  const selector = encodeURIComponent(parts.options.labelSelector);
  const answer = await ask(parts, "GET", `/api/v1/configmaps?labelSelector=${selector}`, {
    accept: METADATA_LIST,
  });
  const { items }: { items: readonly ConfigMap[] } = await answer.json();
  return items.map(({ metadata }) => `/api/v1/namespaces/${metadata.namespace}/configmaps/${metadata.name}`);
}

/** As the program's message, which the broker has to store. */
function publish(channel: ConfirmChannel, { metadata, binaryData }: ConfigMap): Promise<void> {
  const { uid, namespace, labels, annotations } = metadata;
  const message = {
    payload: null,
    binaryPayload: binaryData,
    annotations,
    labels,
    namespace,
    environment: "main",
    service: "nginx",
    project: "proj",
    type: "sbom",
  };
  const options = { persistent: true, mandatory: true, contentType: "application/json", messageId: uid };
  return new Promise((resolve, reject) => {
    const content = Buffer.from(JSON.stringify(message));
    channel.publish(
      TOPOLOGY.exchange,
      TOPOLOGY.routingKey,
      content,
      options,
      (error) => error ? reject(error) : resolve(),
    );
  });
}

async function mark(parts: Parts, path: string, { metadata }: ConfigMap): Promise<void> {
  const { name, namespace, uid, resourceVersion } = metadata;
  const body = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name,
      namespace,
      uid,
      resourceVersion,
      labels: { "lagoon.sh/insightsProcessed": "true" },
      annotations: {
        "lagoon.sh/insightsProcessed": new Date().toISOString(),
        "core.insights.lagoon.sh/status": "success",
        "insights.lagoon.sh/retries": "0",
      },
    },
  };
  const query = "?fieldManager=insights-remote&force=true";
  const type = "application/apply-patch+yaml";
  const answer = await ask(parts, "PATCH", path + query, { accept: METADATA, type, body });
  await answer.json();
}

async function remove(parts: Parts, path: string, { metadata }: ConfigMap): Promise<void> {
  const { uid, resourceVersion } = metadata;
  const body = { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid, resourceVersion } };
  const answer = await ask(parts, "DELETE", path, { accept: METADATA, type: "application/json", body });
  await answer.json();
}

async function ask(
  { client, options: { server, token } }: Parts,
  method: string,
  path: string,
  { accept = "application/json", type, body }: { accept?: string; type?: string; body?: unknown } = {},
): Promise<Response> {
  const response = await fetch(server + path, {
    client,
    method,
    headers: {
      authorization: `Bearer ${token}`,
      accept,
      "accept-encoding": "identity",
      ...(type ? { "content-type": type } : {}),
    },
    body: body === undefined ? null : JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return response;
}

if (import.meta.main) {
  const figures = await drain(JSON.parse(Deno.args[0] ?? ""));
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(figures)));
}
