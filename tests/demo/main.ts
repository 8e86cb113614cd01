/**
 * `deno task demo`: the whole system on one machine. It starts a small Kubernetes API server on loopback and the
 * program against it, plays a build and a site that posts, and checks every message that comes out.
 *
 *   --broker amqp://user:password@host:port   send to a real RabbitMQ and read the messages back from its queue
 *   --sbom FILE                               send another CycloneDX document (JSON, or gzipped JSON)
 *   --dependency-track                        push the SBOM to a stand-in for Dependency-Track, too
 *   --keep                                    stay up afterwards, and print commands to try
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
import { Story } from "./story.ts";
import { showTrack, startTrack, trackVariables } from "./track.ts";

const OWN_SBOM = new URL("sbom.cyclonedx.json", import.meta.url);

interface Options {
  readonly broker?: string | undefined;
  readonly sbom?: string | undefined;
  readonly "dependency-track"?: boolean | undefined;
  readonly keep?: boolean | undefined;
}

/** Everything that the demo plays on. */
interface Stage extends AsyncDisposable {
  readonly story: Story;
  readonly cluster: TestCluster;
  readonly apiUrl: string;
  readonly apiToken: string;
  readonly program: RunningProgram;
  readonly inbox: Inbox;
  /** Undefined without it. */
  readonly track: DependencyTrack | undefined;
}

async function demo(options: Options): Promise<void> {
  const story = new Story((line) => writeLine(line));
  writeLine("insights-remote: from a cluster's builds and pods to Lagoon core, one message at a time.");
  await using stage = await setStage(story, options);
  const token = await playToken(stage);
  await playBuild(stage, inspectArtifact(), "what is in the image's configuration");
  const sbom = await sbomArtifact(options.sbom ?? OWN_SBOM);
  await playBuild(stage, sbom, `the SBOM, with ${sbom.components} components`);
  if (stage.track) showTrack(story, stage.track);
  await playPosts(stage, token);
  using interrupt = listenForInterrupt();
  if (options.keep) await keep(stage, token, interrupt.promise);
  await playEnd(stage);
}

async function setStage(story: Story, options: Options): Promise<Stage> {
  await using parts = new AsyncDisposableStack();
  story.chapter("A cluster, and the program in it");
  const token = crypto.randomUUID();
  const api = parts.use(await startApiServer({ token }));
  const cluster = parts.use(new TestCluster({ url: api.url, token }));
  story.tell(`A small Kubernetes API server listens at ${api.url}.`);
  const folder = await Deno.makeTempDir({ prefix: "insights-remote-demo-" });
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.writeTextFile(`${folder}/kubeconfig`, kubeconfigText(api.url, token));

  const track = options["dependency-track"] ? parts.use(startTrack()) : undefined;
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
      ...trackVariables(track),
    },
  });
  // The inbox ends when the program's output does, so the program has to be stopped before it.
  const inbox = parts.use(lineInbox(program.stdout));
  parts.use(program);
  await program.untilReady();
  story.tell(
    "The program is ready. It was started as in production, from main.ts, with environment variables only.",
  );
  story.tell(
    queue
      ? "Its messages go to RabbitMQ, and are read back from the queue."
      : "Its messages are printed here.",
  );
  const moved = parts.move();
  return {
    story,
    cluster,
    apiUrl: api.url,
    apiToken: token,
    program,
    inbox: queue ?? inbox,
    track,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

async function playToken({ story, cluster }: Stage): Promise<string> {
  story.chapter("Lagoon creates an environment; the program gives it a token");
  await cluster.createNamespace(NAMESPACE, NAMESPACE_LABELS);
  story.tell(`Namespace ${NAMESPACE} appears, with Lagoon's labels on it.`);
  const secret = await cluster.until("secrets", NAMESPACE, "insights-token", (found) => found !== undefined);
  const token = atob(secret?.data?.["INSIGHTS_TOKEN"] ?? "");
  const claims = JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/")));
  story.check(`Secret insights-token is there for its pods. The token in it says: ${JSON.stringify(claims)}`);
  assert.equal(claims.Namespace, NAMESPACE);
  return token;
}

async function playBuild({ story, cluster, inbox }: Stage, artifact: Artifact, what: string): Promise<void> {
  story.chapter(`A build of service ${SERVICE} leaves ${what}`);
  await writeArtifact(cluster, artifact);
  story.tell(
    `ConfigMap ${artifact.configMap}: created, then annotated, then labelled. Now the program sees it.`,
  );
  const message = await inbox.next();
  story.tell("The message to Lagoon core:");
  story.show(message);
  assert.deepEqual(message, expectedMessage(artifact));
  story.check("It is what the contract asks for, field by field.");
  const marked = await cluster.until(
    "configmaps",
    NAMESPACE,
    artifact.configMap,
    (object) => object?.metadata.labels?.["lagoon.sh/insightsProcessed"] === "true",
  );
  const time = marked?.metadata.annotations?.["lagoon.sh/insightsProcessed"];
  story.check(`The ConfigMap is marked as processed at ${time}, and so is never sent again.`);
}

async function playPosts({ story, program, inbox }: Stage, token: string): Promise<void> {
  for (const post of POSTS) {
    story.chapter(post.story);
    const { status, answer } = await send(program, post, token);
    story.tell(`${post.method} ${post.path} → ${status} ${JSON.stringify(answer)}`);
    assert.equal(status, 200);
    assert.deepEqual(answer, post.answer);
    const message = await inbox.next();
    story.show(message);
    assert.deepEqual(message, post.expected);
    story.check("It is what the contract asks for; project and environment come from the token.");
  }
}

async function send(program: RunningProgram, { method, path, body }: Post, token: string) {
  const response = await fetch(program.webUrl + path, {
    method,
    headers: { authorization: token },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: response.status, answer: await response.json() as unknown };
}

async function keep(
  { story, program, apiUrl, apiToken, inbox }: Stage,
  token: string,
  interrupt: Promise<void>,
) {
  story.chapter("Everything stays up until you press Ctrl-C. Try these:");
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
  inbox.follow((message) => story.show(message));
  await interrupt;
}

/** Ctrl-C may come twice: from the terminal, and passed on by the task runner. Neither is to cut the end short. */
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

async function playEnd({ story, program, inbox }: Stage): Promise<void> {
  story.chapter("The end");
  assert.equal(await program.stop(), 0, program.log());
  story.check("Asked to stop, the program finished its work and exited with code 0.");
  assert.deepEqual(await inbox.rest(), [], "Messages came that nobody expected");
  story.check(`All ${POSTS.length + 2} messages arrived, each exactly once.`);
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
  await demo(values);
}
