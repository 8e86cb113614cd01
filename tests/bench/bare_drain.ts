/**
 * The limit that cluster and broker set for ConfigMaps: a bare loop that reads each one, publishes it, and marks or deletes it
 * after the confirm. It runs in a separate process, as the program does.
 *
 * @module
 */
import { type ConfirmChannel, connect } from "amqplib";
import { Buffer } from "node:buffer";
import { declareTopology, TOPOLOGY } from "../../lib/broker/connection.ts";
import { percentile } from "./figure.ts";

export interface BareDrainOptions {
  /** `https://host:port` of the API server. */
  readonly server: string;
  readonly caCertificate: string;
  readonly token: string;
  /** AMQP URL with credentials. */
  readonly broker: string;
  /** Selects the ConfigMaps, which are listed before the first is read. */
  readonly labelSelector: string;
  readonly concurrency: number;
  /** The action after the confirm. */
  readonly finish: "mark" | "delete" | "nothing";
  /** Number of times to send all of them; only the last pass is measured. @default {1} */
  readonly passes?: number;
  /** Wait before each ConfigMap, so that the servers are as idle as they are next to an idle program. @default {0} */
  readonly pauseMs?: number;
}

export interface BareDrainFigures {
  /** Messages published in all passes. */
  readonly count: number;
  /** Time for one ConfigMap in the last pass, from the read until it is finished. */
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

interface Context {
  readonly options: BareDrainOptions;
  readonly client: Deno.HttpClient;
  readonly channel: ConfirmChannel;
}

const METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/**
 * Runs the loop in a separate process.
 *
 * @param signal Kills the process.
 * @throws {Error} With the output of the process, if it fails.
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
    const context = { options, client, channel };
    const paths = await listPaths(context);
    const passes = options.passes ?? 1;
    let latencies: number[] = [];
    for (let pass = 0; pass < passes; pass++) latencies = await drainOnce(context, paths);
    return { count: passes * paths.length, p50Ms: percentile(latencies, 0.5) };
  } finally {
    await connection.close();
    client.close();
  }
}

/** @returns Milliseconds for each ConfigMap. */
async function drainOnce(context: Context, paths: readonly string[]): Promise<number[]> {
  const { concurrency, pauseMs = 0 } = context.options;
  const latencies: number[] = [];
  const left = paths.values();
  await Promise.all(Array.from({ length: concurrency }, async () => {
    for (const path of left) {
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      const startedAt = performance.now();
      await ship(context, path);
      latencies.push(performance.now() - startedAt);
    }
  }));
  return latencies;
}

async function ship(context: Context, path: string): Promise<void> {
  const configMap: ConfigMap = await (await request(context, "GET", path)).json();
  await publish(context.channel, configMap);
  if (context.options.finish === "mark") await mark(context, path, configMap);
  if (context.options.finish === "delete") await remove(context, path, configMap);
}

async function listPaths(context: Context): Promise<string[]> {
  const selector = encodeURIComponent(context.options.labelSelector);
  const response = await request(context, "GET", `/api/v1/configmaps?labelSelector=${selector}`, {
    accept: METADATA_LIST,
  });
  const { items }: { items: readonly ConfigMap[] } = await response.json();
  return items.map(({ metadata }) => `/api/v1/namespaces/${metadata.namespace}/configmaps/${metadata.name}`);
}

/** Publishes a persistent message like the program's. */
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

async function mark(context: Context, path: string, { metadata }: ConfigMap): Promise<void> {
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
  const response = await request(context, "PATCH", path + query, { accept: METADATA, type, body });
  await response.json();
}

async function remove(context: Context, path: string, { metadata }: ConfigMap): Promise<void> {
  const { uid, resourceVersion } = metadata;
  const body = { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid, resourceVersion } };
  const response = await request(context, "DELETE", path, {
    accept: METADATA,
    type: "application/json",
    body,
  });
  await response.json();
}

async function request(
  { client, options: { server, token } }: Context,
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
