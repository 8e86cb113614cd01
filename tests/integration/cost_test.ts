/** The connections and bytes that the program needs, counted on the wire. */
import assert from "node:assert/strict";
import { LABELS } from "../../lib/lagoon.ts";
import { issueToken } from "../../lib/tokens.ts";
import { type ApiServer, startApiServer } from "../fixtures/api_server/mod.ts";
import { createCertificates } from "../fixtures/certificates.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { needsCommands } from "../fixtures/commands.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { sbomOf } from "../fixtures/sboms.ts";
import { createPod } from "../fixtures/pod.ts";
import { freePorts } from "../fixtures/ports.ts";
import { type RunningProgram, startProgram } from "../fixtures/program.ts";
import { needsPrivateNode, takeMessages } from "../fixtures/rabbitmq.ts";
import { type PrivateNode, startPrivateNode } from "../fixtures/rabbitmq_node.ts";
import { parseAnswers, RawClient } from "../fixtures/raw_client.ts";
import { type Bytes, startTcpProxy, type TcpProxy } from "../fixtures/tcp_proxy.ts";

const CONFIG_MAPS = 20;
const CONFIG_MAP_BYTES = 300_000;
const POSTS = 200;
const WATCHES = 1;
const WORKERS = 2;
/** A worker reads a ConfigMap and its namespace at the same time. */
const REQUESTS_AT_ONCE = 2;
/** The connection of the last answer may not be back in the pool yet when the next request is sent. */
const MOST_CONNECTIONS = 2;
/** Most overhead per ConfigMap or post, in bytes: AMQP frames, metadata, HTTP headers, and TLS. */
const MOST_EXTRA = { published: 400, read: 10_000, written: 3_000 } as const;
const WITHIN = { timeoutMs: 60_000 } as const;

const SECRET = "the-secret-of-the-cost-test";
const ENVIRONMENT = {
  namespace: "main",
  environmentId: "3",
  projectName: "proj",
  environmentName: "main",
};
const BODY = JSON.stringify([{ name: "php-version", value: "8.3.12", source: "php" }]);

/** What one run of the program cost. */
interface Costs {
  /** All ConfigMaps, as JSON. */
  readonly objectBytes: number;
  readonly apiServer: { readonly connections: number; readonly bytes: Bytes };
  readonly broker: { readonly connections: number; readonly drain: Sent; readonly posts: Sent };
  /** Of the posts, all over one connection. */
  readonly statuses: readonly number[];
}

/** What the program sent to the broker. */
interface Sent {
  readonly bytes: number;
  /** The bodies of the messages in the queue. */
  readonly messageBytes: number;
}

let measured: Promise<Costs> | undefined;

/** Registers a test of the shared run, which the first test starts. */
function costTest(name: string, fn: (costs: Costs) => void): void {
  const { ignore, ...definition } = needsPrivateNode(name);
  Deno.test({
    ...(ignore ? { ignore, ...definition } : needsCommands(["openssl"], name)),
    fn: async () => fn(await (measured ??= measure())),
  });
}

costTest("a drain takes at most two connections per concurrent request", ({ apiServer }) => {
  const most = MOST_CONNECTIONS * (WATCHES + WORKERS * REQUESTS_AT_ONCE);
  assert.ok(apiServer.connections > WATCHES, `${apiServer.connections} connections`);
  assert.ok(
    apiServer.connections <= most,
    `${apiServer.connections} connections; at most ${most} are needed`,
  );
});

costTest("a drain and posts share one connection to the broker", ({ broker }) => {
  assert.equal(broker.connections, 1);
});

costTest("a client can send all its posts over one connection", ({ statuses }) => {
  assert.deepEqual(statuses, Array(POSTS).fill(200));
});

costTest("a message is sent to the broker once, with little overhead", ({ broker }) => {
  const { drain, posts } = broker;
  assertWithin(drain.bytes, drain.messageBytes, CONFIG_MAPS * MOST_EXTRA.published);
  assertWithin(posts.bytes, posts.messageBytes, POSTS * MOST_EXTRA.published);
});

costTest("a ConfigMap is read once, and other answers are small", (costs) => {
  const { objectBytes, apiServer: { bytes } } = costs;
  assertWithin(bytes.toClient, objectBytes, CONFIG_MAPS * MOST_EXTRA.read);
});

costTest("marking a ConfigMap doesn't send its data back to the API server", ({ apiServer: { bytes } }) => {
  assertWithin(bytes.toServer, 0, CONFIG_MAPS * MOST_EXTRA.written);
});

function assertWithin(bytes: number, least: number, extra: number): void {
  const text = `${bytes} bytes for ${least} of payload; at most ${extra} of overhead`;
  assert.ok(bytes > least && bytes < least + extra, text);
}

/** Runs the program once between proxies that count: first a drain, then posts. */
async function measure(): Promise<Costs> {
  await using parts = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  const { caCertificate, ...tls } = await createCertificates(folder);
  const server = parts.use(startApiServer({ token: "token", tls }));
  const broker = parts.use(await startPrivateNode());
  const toServer = parts.use(startTcpProxy(server));
  const toBroker = parts.use(startTcpProxy(broker));
  const cluster = parts.use(new TestCluster({ url: server.url, token: "token", caCertificate }));
  const objectBytes = await createConfigMaps(cluster);
  const url = `https://127.0.0.1:${toServer.port}`;
  const pod = parts.use(await createPod({ url, token: "token", caCertificate }));
  const [webPort = 0, healthPort = 0] = freePorts(2);
  const ports = { webPort, healthPort };
  const program = parts.use(start(ports, { ...pod.env, ...brokerVariables(toBroker, broker) }));
  const drain = await countSent(toBroker, broker, () => server.until(() => areMarked(server), WITHIN));
  await program.untilReady();
  let statuses: number[] = [];
  const posts = await countSent(toBroker, broker, async () => void (statuses = await sendPosts(webPort)));
  // Its last answers from the API server may still be in flight.
  await program.stop();
  return {
    objectBytes,
    apiServer: { connections: toServer.acceptedCount, bytes: toServer.bytes },
    broker: { connections: toBroker.acceptedCount, drain, posts },
    statuses,
  };
}

/** What reaches the broker during some work; takes the messages out of the queue. */
async function countSent(proxy: TcpProxy, broker: PrivateNode, work: () => Promise<void>): Promise<Sent> {
  const before = proxy.bytes.toServer;
  await work();
  const bytes = proxy.bytes.toServer - before;
  const messages = await takeMessages(broker);
  return { bytes, messageBytes: messages.reduce((sum, { content }) => sum + content.length, 0) };
}

function areMarked(server: ApiServer): boolean {
  return server.list("configmaps").every(({ metadata }) => metadata.labels?.[LABELS.processed] === "true");
}

function start(
  ports: { readonly webPort: number; readonly healthPort: number },
  env: Readonly<Record<string, string>>,
): RunningProgram {
  const program = startProgram({
    ...ports,
    env: {
      ENABLE_NAMESPACE_RECONCILER: "false",
      CONFIGMAP_RECONCILER_MAX_CONCURRENT: String(WORKERS),
      INSIGHTS_TOKEN_SECRET: SECRET,
      SHUTDOWN_DELAY: "0",
      ...env,
    },
  });
  // Somebody has to take it.
  program.stdout.pipeTo(new WritableStream()).catch(() => {});
  return program;
}

function brokerVariables(
  { port }: TcpProxy,
  { username, password }: PrivateNode,
): Record<string, string> {
  return {
    RABBITMQ_ADDRESS: `127.0.0.1:${port}`,
    RABBITMQ_USERNAME: username,
    RABBITMQ_PASSWORD: password,
  };
}

/** Returns their size as JSON. */
async function createConfigMaps(cluster: TestCluster): Promise<number> {
  await cluster.createNamespace(ENVIRONMENT.namespace, LAGOON_NAMESPACE_LABELS);
  const binaryData = { "nginx.cyclonedx.json.gz": sbomOf(CONFIG_MAP_BYTES / 1000) };
  let bytes = 0;
  for (let index = 0; index < CONFIG_MAPS; index++) {
    const object = sbomConfigMap({ name: `sbom-${index}`, binaryData });
    bytes += JSON.stringify(await cluster.create("configmaps", ENVIRONMENT.namespace, object)).length;
  }
  return bytes;
}

/** Sends posts one after another over one connection, which the last post closes; returns their statuses. */
async function sendPosts(port: number): Promise<number[]> {
  const head = [
    "POST /facts HTTP/1.1",
    "Host: localhost",
    `Authorization: ${issueToken(SECRET, ENVIRONMENT)}`,
    `Content-Length: ${BODY.length}`,
  ];
  const post = (...more: string[]) => `${[...head, ...more].join("\r\n")}\r\n\r\n${BODY}`;
  using client = await RawClient.connect(port);
  for (let sent = 1; sent < POSTS; sent++) {
    await client.send(post());
    await client.untilCount('"okay"', sent);
  }
  await client.send(post("Connection: close"));
  return parseAnswers(await client.untilClosed()).map(({ status }) => status);
}
