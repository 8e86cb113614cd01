/**
 * Replaces the Go remote: runs the binary's bundle as a user other than root, with exactly the variables and the role of the
 * lagoon-remote chart, without arguments, on the default ports, in a cluster where the Go remote ran before.
 */
import assert from "node:assert/strict";
import { bundleArguments, makeBundle, mallocSettings } from "../fixtures/bundle.ts";
import { startChild } from "../fixtures/child_process.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { ignoredWithoutApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import {
  BUILD_ANNOTATIONS,
  LAGOON_NAMESPACE_LABELS,
  SBOM_LABELS,
  sbomConfigMap,
} from "../fixtures/objects.ts";
import { createPod } from "../fixtures/pod.ts";
import { needsPrivateNode, takeMessages } from "../fixtures/rabbitmq.ts";
import { startPrivateNode } from "../fixtures/rabbitmq_node.ts";
import { issueToken } from "../../lib/tokens.ts";
import { AccessControl, CHART_RULES, OWN_NAMESPACE } from "../fixtures/rbac.ts";
import { until } from "../fixtures/until.ts";

/** The user of the image. */
const USER = "65532";

const SECRET = "a-secret-from-before-the-swap";
const NAMESPACE = "proj-main";

/** The Go remote's token for the namespace. The tests of tokens check that ours are the same, byte for byte. */
const GO_TOKEN = issueToken(SECRET, {
  namespace: NAMESPACE,
  environmentId: "3",
  projectName: "proj",
  environmentName: "main",
});

/** The Secret as the Go remote leaves it. */
const GO_SECRET = {
  metadata: {
    name: "insights-token",
    labels: { "lagoon.sh/dynamic-secret": "insights-token", "lagoon.sh/insights-token": "true" },
  },
  type: "Opaque",
  data: { INSIGHTS_TOKEN: btoa(GO_TOKEN) },
};

/** ConfigMaps as the Go remote leaves them, by name. */
const LEFT = {
  processed: sbomConfigMap({
    name: "processed",
    annotations: {
      ...BUILD_ANNOTATIONS,
      "core.insights.lagoon.sh/status": "success",
      "insights.lagoon.sh/retries": "0",
      "lagoon.sh/insightsProcessed": "2026-11-23T09:34:33Z",
    },
  }),
  deferred: sbomConfigMap({
    name: "deferred",
    labels: { ...SBOM_LABELS, "lagoon.sh/insightsWriteDeferred": "1700000000" },
    annotations: {
      ...BUILD_ANNOTATIONS,
      "core.insights.lagoon.sh/status": "failure",
      "insights.lagoon.sh/retries": "1",
    },
  }),
  givenUp: sbomConfigMap({
    name: "given-up",
    labels: { ...SBOM_LABELS, "insights.lagoon.sh/max-retry-exceeded": "true" },
  }),
  malformed: sbomConfigMap({
    name: "malformed",
    labels: { ...SBOM_LABELS, "lagoon.sh/insightsType": "sbom" },
  }),
};

const NAME = "with the chart's variables, role and user, the program takes over from the Go remote";
const needsNode = needsPrivateNode(NAME);

Deno.test({
  ...(needsNode.ignore ? needsNode : ignoredWithoutApiserver(NAME)),
  fn: async () => {
    await using api = await startKubeApiserver();
    using cluster = new TestCluster(api);
    await cluster.createNamespace(OWN_NAMESPACE);
    const token = await new AccessControl(cluster, api).createAccount(
      "lagoon-remote-insights-remote",
      CHART_RULES,
    );
    await cluster.createNamespace(NAMESPACE, LAGOON_NAMESPACE_LABELS);
    for (const object of Object.values(LEFT)) await cluster.create("configmaps", NAMESPACE, object);
    const secret = await cluster.create("secrets", NAMESPACE, GO_SECRET);
    await using node = await startPrivateNode();
    await using pod = await createPod({ ...api, token });
    const chart = {
      RABBITMQ_ADDRESS: `${node.host}:${node.port}`,
      RABBITMQ_USERNAME: node.username,
      RABBITMQ_PASSWORD: node.password,
      INSIGHTS_TOKEN_SECRET: SECRET,
      BURN_AFTER_READING: "TRUE",
    };
    await using program = await startAsImageDoes({ ...chart, ...pod.env });
    await until("ready", async () => {
      assert.ok(!program.hasEnded(), program.log());
      return await isReady();
    });
    for (const name of ["processed", "deferred"]) {
      await cluster.until("configmaps", NAMESPACE, name, (object) => object === undefined);
    }
    await cluster.until(
      "configmaps",
      NAMESPACE,
      "malformed",
      (object) => object?.metadata.annotations?.["core.insights.lagoon.sh/status"] === "failure",
    );
    assert.ok(await cluster.get("configmaps", NAMESPACE, "given-up"));
    const after = await cluster.get("secrets", NAMESPACE, "insights-token");
    assert.equal(after?.metadata.resourceVersion, secret.metadata.resourceVersion);
    // A site keeps using its token.
    const response = await fetch("http://127.0.0.1:8888/facts/drush", {
      method: "DELETE",
      headers: { authorization: GO_TOKEN },
    });
    assert.deepEqual([response.status, await response.json()], [200, { message: "okay" }]);
    assert.equal(await program.stop(), 0, program.log());
    const messages = (await takeMessages(node)).map(({ content }) => JSON.parse(content.toString()));
    assert.deepEqual(messages.map(({ type }) => type).sort(), ["direct.delete.facts", "sbom"]);
    assert.deepEqual(messages.find(({ type }) => type === "sbom").binaryPayload, LEFT.deferred.binaryData);
    // The chart's role does not allow Events; the program logs that once.
    assert.equal(program.log().split("Events are forbidden").length, 2, program.log());
  },
});

async function isReady(): Promise<boolean> {
  const answer = await fetch("http://127.0.0.1:8081/readyz").catch(() => undefined);
  await answer?.body?.cancel();
  return answer?.ok ?? false;
}

/** Starts the bundle with only these variables; as the image's user if the test runs as root. */
async function startAsImageDoes(env: Readonly<Record<string, string>>) {
  const folder = await Deno.makeTempDir();
  const runtime = `${folder}/deno`;
  // Another user may be unable to read the installed one.
  await Deno.copyFile(Deno.execPath(), runtime);
  const bundle = await makeBundle(folder);
  for (const path of [folder, runtime, bundle, env.SERVICE_ACCOUNT_DIRECTORY!]) await Deno.chmod(path, 0o755);
  const args = bundleArguments(bundle);
  const asUser = Deno.uid() === 0 ? ["--reuid", USER, "--regid", USER, "--clear-groups", runtime] : [];
  // The binary needs no cache of Deno.
  const variables = Object.entries({ ...mallocSettings(), DENO_DIR: "/nowhere", ...env });
  const command = Deno.uid() === 0 ? ["setpriv", ...asUser] : [runtime];
  const process = startChild("env", {
    args: ["-i", ...variables.map(([name, value]) => `${name}=${value}`), ...command, ...args],
    stderr: "piped",
  });
  let log = "";
  const logging = (async () => {
    for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) log += text;
  })();
  let ended = false;
  process.status.then(() => ended = true);
  let ending: Promise<number> | undefined;
  const stop = () => {
    ending ??= (async () => {
      // It may have ended by itself.
      if (!ended) process.kill("SIGTERM");
      const { code } = await process.status;
      await logging;
      return code;
    })();
    return ending;
  };
  return {
    log: () => log,
    hasEnded: () => ended,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
