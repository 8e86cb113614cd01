/**
 * `deno task demo`: the whole system on one machine. It starts an embedded Kubernetes API server and the program, simulates a
 * build and a site's requests, and checks every message.
 *
 *   --broker amqp://user:password@host:port   send to a real RabbitMQ and read the messages back from its queue
 *   --sbom FILE                               send another CycloneDX document (JSON, or gzipped JSON)
 *   --dependency-track                        upload the SBOM to a fake Dependency-Track, too
 *   --keep                                    keep running afterwards, and print commands to try
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { startApiServer } from "../fixtures/api_server/mod.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { kubeconfigText } from "../fixtures/kubeconfig.ts";
import type { DependencyTrack } from "../fixtures/dependency_track.ts";
import { freePorts } from "../fixtures/ports.ts";
import { type RunningProgram, startProgram } from "../fixtures/program.ts";
import {
  type Artifact,
  expectedMessage,
  inspectArtifact,
  NAMESPACE,
  NAMESPACE_LABELS,
  sbomArtifact,
  SERVICE,
  writeArtifact,
} from "./build.ts";
import { type Inbox, lineInbox, queueInbox } from "./inbox.ts";
import { type Post, POSTS } from "./posts.ts";
import { Printer } from "./printer.ts";
import { checkDependencyTrack, dependencyTrackVariables, startDependencyTrack } from "./track.ts";

const OWN_SBOM = new URL("sbom.cyclonedx.json", import.meta.url);

interface Options {
  readonly broker?: string | undefined;
  readonly sbom?: string | undefined;
  readonly "dependency-track"?: boolean | undefined;
  readonly keep?: boolean | undefined;
}

interface Demo extends AsyncDisposable {
  readonly printer: Printer;
  readonly cluster: TestCluster;
  readonly apiUrl: string;
  readonly apiToken: string;
  readonly program: RunningProgram;
  readonly inbox: Inbox;
  readonly track: DependencyTrack | undefined;
}

async function runDemo(options: Options): Promise<void> {
  const printer = new Printer((line) => writeLine(line));
  writeLine("insights-remote sends insights from a cluster's builds and pods to Lagoon core.");
  await using demo = await start(printer, options);
  const token = await createEnvironment(demo);
  await build(demo, inspectArtifact(), "the image inspection");
  const sbom = await sbomArtifact(options.sbom ?? OWN_SBOM);
  await build(demo, sbom, `the SBOM, with ${sbom.components} components`);
  if (demo.track) checkDependencyTrack(printer, demo.track);
  await sendPosts(demo, token);
  using interrupt = listenForInterrupt();
  if (options.keep) await keepRunning(demo, token, interrupt.promise);
  await stop(demo);
}

async function start(printer: Printer, options: Options): Promise<Demo> {
  await using parts = new AsyncDisposableStack();
  printer.step("Start a cluster and the program");
  const token = crypto.randomUUID();
  const api = parts.use(await startApiServer({ token }));
  const cluster = parts.use(new TestCluster({ url: api.url, token }));
  printer.info(`The embedded Kubernetes API server listens at ${api.url}.`);
  const folder = await Deno.makeTempDir({ prefix: "insights-remote-demo-" });
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.writeTextFile(`${folder}/kubeconfig`, kubeconfigText(api.url, token));

  const track = options["dependency-track"] ? parts.use(startDependencyTrack()) : undefined;
  const queue = options.broker ? parts.use(await queueInbox(options.broker)) : undefined;
  const [webPort = 0, healthPort = 0] = freePorts(2);
  const program = startProgram({
    webPort,
    healthPort,
    env: {
      KUBECONFIG: `${folder}/kubeconfig`,
      KUBERNETES_SERVICE_HOST: "",
      INSIGHTS_TOKEN_SECRET: crypto.randomUUID(),
      ...brokerVariables(options.broker),
      ...dependencyTrackVariables(track),
    },
  });
  // The inbox ends with the program's output, so the program must stop first.
  const inbox = parts.use(lineInbox(program.stdout));
  parts.use(program);
  await program.untilReady();
  printer.info(
    "The program is ready. It runs from main.ts, configured by environment variables as in production.",
  );
  printer.info(
    queue
      ? "It sends its messages to RabbitMQ; the demo reads them back from the queue."
      : "It prints its messages instead of sending them; the demo reads them from its output.",
  );
  const moved = parts.move();
  return {
    printer,
    cluster,
    apiUrl: api.url,
    apiToken: token,
    program,
    inbox: queue ?? inbox,
    track,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

async function createEnvironment({ printer, cluster }: Demo): Promise<string> {
  printer.step("Lagoon creates an environment; the program creates its token");
  await cluster.createNamespace(NAMESPACE, NAMESPACE_LABELS);
  printer.info(`Created namespace ${NAMESPACE} with Lagoon's labels.`);
  const secret = await cluster.until("secrets", NAMESPACE, "insights-token", (found) => found !== undefined);
  const token = atob(secret?.data?.["INSIGHTS_TOKEN"] ?? "");
  const claims = JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")));
  printer.passed(`The program created Secret insights-token. The token's claims: ${JSON.stringify(claims)}`);
  assert.equal(claims.Namespace, NAMESPACE);
  return token;
}

async function build({ printer, cluster, inbox }: Demo, artifact: Artifact, content: string): Promise<void> {
  printer.step(`A build of service ${SERVICE} writes ${content}`);
  await writeArtifact(cluster, artifact);
  printer.info(
    `ConfigMap ${artifact.configMap} is created, annotated and labelled; the label makes it visible.`,
  );
  const message = await inbox.next();
  printer.info("The message to Lagoon core:");
  printer.message(message);
  assert.deepEqual(message, await expectedMessage(artifact));
  printer.passed("The message matches the protocol, field by field.");
  const marked = await cluster.until(
    "configmaps",
    NAMESPACE,
    artifact.configMap,
    (object) => object?.metadata.labels?.["lagoon.sh/insightsProcessed"] === "true",
  );
  const time = marked?.metadata.annotations?.["lagoon.sh/insightsProcessed"];
  printer.passed(`The ConfigMap was marked as processed at ${time}, so it is not sent again.`);
}

async function sendPosts({ printer, program, inbox }: Demo, token: string): Promise<void> {
  for (const post of POSTS) {
    printer.step(post.title);
    const { status, body } = await send(program, post, token);
    printer.info(`${post.method} ${post.path} → ${status} ${JSON.stringify(body)}`);
    assert.equal(status, 200);
    assert.deepEqual(body, post.response);
    const message = await inbox.next();
    printer.message(message);
    assert.deepEqual(message, post.message);
    printer.passed("The message matches the protocol; project and environment come from the token.");
  }
}

async function send(program: RunningProgram, { method, path, body }: Post, token: string) {
  const response = await fetch(program.webUrl + path, {
    method,
    headers: { authorization: token },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() as unknown };
}

async function keepRunning(
  { printer, program, apiUrl, apiToken, inbox }: Demo,
  token: string,
  interrupt: Promise<void>,
) {
  printer.step("Everything keeps running until you press Ctrl-C. Try these commands:");
  const facts = `'[{"name":"hello","value":"world","source":"me"}]'`;
  const commands = [
    `TOKEN=${token}`,
    `curl -H "Authorization: $TOKEN" -d ${facts} ${program.webUrl}/facts`,
    `curl -H "Authorization: $TOKEN" -X DELETE ${program.webUrl}/facts/me`,
    `curl -d '[]' ${program.webUrl}/facts`,
    `curl ${program.healthUrl}/readyz`,
  ];
  for (const command of commands) writeLine(command);
  writeLine(
    `curl -H "Authorization: Bearer ${apiToken}" ${apiUrl}/api/v1/namespaces/${NAMESPACE}/configmaps`,
  );
  inbox.follow((message) => printer.message(message));
  await interrupt;
}

/** The signal of Ctrl-C may arrive twice, from the terminal and from the task runner; neither may end this process. */
function listenForInterrupt() {
  const { promise, resolve } = Promise.withResolvers<void>();
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, resolve);
  return {
    promise,
    [Symbol.dispose]() {
      for (const signal of signals) Deno.removeSignalListener(signal, resolve);
    },
  };
}

async function stop({ printer, program, inbox }: Demo): Promise<void> {
  printer.step("Stop the program");
  assert.equal(await program.stop(), 0, program.log());
  printer.passed("The program finished its work and exited with code 0.");
  assert.deepEqual(await inbox.rest(), [], "Unexpected messages arrived");
  printer.passed(`All ${POSTS.length + 2} messages arrived, each exactly once.`);
}

function brokerVariables(url: string | undefined): Record<string, string> {
  if (url === undefined) return { RABBITMQ_ENABLED: "false" };
  const { host, username, password } = new URL(url);
  return {
    RABBITMQ_ADDRESS: host,
    RABBITMQ_USERNAME: decodeURIComponent(username),
    RABBITMQ_PASSWORD: decodeURIComponent(password),
  };
}

function writeLine(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      broker: { type: "string" },
      sbom: { type: "string" },
      "dependency-track": { type: "boolean" },
      keep: { type: "boolean" },
    },
  });
  await runDemo(values);
}
