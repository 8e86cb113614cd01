/**
 * Follows docs/dependency_track.md literally on a real kube-apiserver: its Secret, its overlay, and the program with the
 * variables and permissions that these give to its pod; then its commands about a refused SBOM.
 */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { TestCluster, type TestObject } from "../fixtures/cluster.ts";
import { needsCommands, paste } from "../fixtures/commands.ts";
import { DependencyTrack } from "../fixtures/dependency_track.ts";
import { ignoredWithoutApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { kubeconfigWith } from "../fixtures/kubeconfig.ts";
import {
  at,
  containerOf,
  needsKustomize,
  ofKind,
  only,
  type RenderedObject,
  renderOwn,
  variablesOf,
} from "../fixtures/manifests.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { createPod, type PodIdentity } from "../fixtures/pod.ts";
import { freePorts } from "../fixtures/ports.ts";
import { type RunningProgram, startProgram } from "../fixtures/program.ts";
import { AccessControl, OWN_NAMESPACE, type PolicyRule } from "../fixtures/rbac.ts";

const NAMESPACE = "proj-main";
const KEY = "the-key-that-nobody-may-see";
const SBOM = sbomConfigMap({ binaryData: { "nginx.cyclonedx.json.gz": gzipSync("{}").toString("base64") } });
const { name: NAME } = SBOM.metadata;
const STATUS = "dependencytrack.insights.lagoon.sh/default-status";
const AUTHORITY = "insights-remote-dependency-track-ca";
const STOPPED = "dependencytrack.insights.lagoon.sh/default-stopped";

const hasFailed = (object?: TestObject) => object?.metadata.annotations?.[STATUS] === "failure";

/** The document's commands in order, with continued lines joined; its overlay, and the overlay with a CA. */
async function readDocument() {
  const text = await Deno.readTextFile(new URL("../../docs/dependency_track.md", import.meta.url));
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block.trimEnd());
  const commands = blocks.flatMap((block) => block.split(/(?<!\\)\n/)).filter((line) =>
    !line.startsWith("#")
  );
  const [overlay = "", patches = "", ...others] = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)]
    .map(([, yaml]) => yaml);
  assert.deepEqual(others, []);
  return { commands, overlay, withAuthority: overlay + patches.replace("patches:\n", "") };
}

/** Replaces placeholders, each of which must exist. */
function filledIn(command: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((text, [before, after]) => {
    assert.ok(text.includes(before), `${before} is not in ${command}`);
    return text.replace(before, after);
  }, command);
}

/** The variables of the Deployment's container, resolved as by the kubelet. */
async function kubeletVariables(cluster: TestCluster, objects: readonly RenderedObject[]) {
  const secret = async (name: string) => {
    const { data = {} } = (await cluster.get("secrets", OWN_NAMESPACE, name)) ??
      assert.fail(`no Secret ${name}`);
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, atob(value)]));
  };
  const variables: Record<string, string> = {};
  const sources = at<{ secretRef: { name: string } }[]>(containerOf(objects), "envFrom");
  for (const { secretRef } of sources) Object.assign(variables, await secret(secretRef.name));
  for (const { name, value, valueFrom } of variablesOf(objects)) {
    const found = value ??
      (valueFrom && (await secret(valueFrom.secretKeyRef.name))[valueFrom.secretKeyRef.key]);
    if (found !== undefined) variables[name] = found;
  }
  return variables;
}

/** The ServiceAccount of the overlay in the cluster, once it has its rights. */
async function identityOf(
  cluster: TestCluster,
  api: PodIdentity,
  objects: readonly RenderedObject[],
): Promise<PodIdentity> {
  const accessControl = new AccessControl(cluster, api);
  const token = await accessControl.requestToken(only(objects, "ServiceAccount").metadata.name);
  const roles = [...ofKind(objects, "ClusterRole"), ...ofKind(objects, "Role")];
  await accessControl.untilGranted(
    token,
    OWN_NAMESPACE,
    roles.flatMap((role) => at<PolicyRule[]>(role, "rules")),
  );
  return { ...api, token };
}

function startAsPod(env: Readonly<Record<string, string>>): RunningProgram {
  const [webPort = 0, healthPort = 0] = freePorts(2);
  const withoutBroker = { RABBITMQ_ENABLED: "false", HOSTNAME: "insights-remote-0", SHUTDOWN_DELAY: "0" };
  const program = startProgram({ webPort, healthPort, env: { ...env, ...withoutBroker } });
  program.stdout.pipeTo(new WritableStream()).catch(() => {});
  return program;
}

/** A cluster with what manifests/README.md has before this document, and a reader who may do everything there. */
async function setUp() {
  await using stack = new AsyncDisposableStack();
  const api = stack.use(await startKubeApiserver());
  const cluster = stack.use(new TestCluster(api));
  const track = stack.use(new DependencyTrack({ key: KEY }));
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const server = { server: api.url, "certificate-authority-data": btoa(api.caCertificate) };
  const writeFile = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
  await writeFile("kubeconfig", kubeconfigWith(server, { token: api.token }));
  await writeFile("ca.crt", api.caCertificate);
  await cluster.createNamespace(OWN_NAMESPACE);
  await cluster.create("secrets", OWN_NAMESPACE, {
    metadata: { name: "insights-remote" },
    data: { INSIGHTS_TOKEN_SECRET: btoa("the-secret-of-the-track-document-test") },
  });
  await cluster.createNamespace(NAMESPACE, LAGOON_NAMESPACE_LABELS);
  const run = (command: string) => paste(command, { KUBECONFIG: `${folder}/kubeconfig` }, folder);
  const apply = async (objects: readonly RenderedObject[]) => {
    const list = { apiVersion: "v1", kind: "List", items: objects };
    await writeFile("objects.json", JSON.stringify(list));
    await run("kubectl apply -f objects.json");
  };
  const running = stack.move();
  return { api, cluster, track, run, apply, writeFile, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

const apiserver = ignoredWithoutApiserver(
  "the commands and the overlay of docs/dependency_track.md do what it says",
);
const kustomize = needsKustomize(apiserver.name);
const installed = needsCommands(["kubectl", "bash"], kustomize.name);

Deno.test({
  name: installed.name,
  ignore: apiserver.ignore || kustomize.ignore || installed.ignore,
  fn: async () => {
    const { commands, ...document } = await readDocument();
    const [create = "", createAuthority = "", exchangeAuthority = "", list = "", again = "", ...others] =
      commands;
    assert.deepEqual(others, []);
    await using scene = await setUp();
    const { api, cluster, track, run } = scene;
    await run(filledIn(create, { "https://track.example.com": track.url, "…": KEY }));
    await run(createAuthority);
    await scene.apply(await renderOwn(document.withAuthority));
    const { data } = (await cluster.get("configmaps", OWN_NAMESPACE, AUTHORITY)) ?? {};
    assert.deepEqual(data, { "ca.crt": api.caCertificate });
    await scene.writeFile("ca.crt", "another one");
    await run(exchangeAuthority);
    assert.deepEqual((await cluster.get("configmaps", OWN_NAMESPACE, AUTHORITY))?.data, {
      "ca.crt": "another one",
    });
    // On this machine no kubelet mounts it: the rest is done without.
    const objects = await renderOwn(document.overlay);
    await scene.apply(objects);
    await using pod = await createPod(await identityOf(cluster, api, objects));
    await using program = startAsPod({ ...await kubeletVariables(cluster, objects), ...pod.env });
    await program.untilReady();

    track.fault = () => ({ status: 401 });
    await cluster.create("configmaps", NAMESPACE, SBOM);
    const refused = await cluster.until("configmaps", NAMESPACE, NAME, hasFailed);
    // By itself it never goes again.
    assert.match(refused?.metadata.annotations?.[STOPPED] ?? "", /^refused-/);
    const [head = "", row = "", ...more] = (await run(list)).trimEnd().split("\n");
    assert.deepEqual(head.split(/ +/), ["NAMESPACE", "NAME", "STATUS", "ERROR"]);
    assert.match(row, new RegExp(`^${NAMESPACE} +${NAME} +failure +\\S.* answered 401`));
    assert.deepEqual(more, []);

    track.fault = () => undefined;
    await run(filledIn(again, { NAMESPACE, "NAME ": `${NAME} ` }));
    // Production burns what every destination has.
    await cluster.until("configmaps", NAMESPACE, NAME, (object) => object === undefined);
    const leaf = track.projects.find(({ boms }) => boms.length === 1) ?? assert.fail("nothing was uploaded");
    assert.deepEqual(track.pathOf(leaf), ["proj", "proj-main", "proj-main-nginx"]);
    assert.equal(await run(list), "NAMESPACE   NAME   STATUS   ERROR\n");
    assert.doesNotMatch(program.log(), new RegExp(KEY));
  },
});
