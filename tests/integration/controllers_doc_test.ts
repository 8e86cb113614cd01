/** Runs the kubectl commands of docs/{controllers,operating}.md with an object in each state. */
import assert from "node:assert/strict";
import { TestCluster } from "../fixtures/cluster.ts";
import { needsCommands, paste } from "../fixtures/commands.ts";
import { ignoredWithoutApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { kubeconfigWith } from "../fixtures/kubeconfig.ts";
import {
  BUILD_ANNOTATIONS,
  LAGOON_NAMESPACE_LABELS,
  SBOM_LABELS,
  sbomConfigMap,
} from "../fixtures/objects.ts";

const NAMESPACE = "proj-main";
const PROCESSED = "lagoon.sh/insightsProcessed";

/** A ConfigMap in each state, named after the state. */
const OBJECTS = [
  sbomConfigMap({ name: "pending" }),
  sbomConfigMap({
    name: "deferred",
    labels: { ...SBOM_LABELS, "lagoon.sh/insightsWriteDeferred": "1700000000" },
    annotations: { ...BUILD_ANNOTATIONS, "core.insights.lagoon.sh/status-error": "no confirm came" },
  }),
  sbomConfigMap({
    name: "given-up",
    labels: { ...SBOM_LABELS, "insights.lagoon.sh/max-retry-exceeded": "true" },
  }),
  sbomConfigMap({
    name: "processed",
    labels: { ...SBOM_LABELS, [PROCESSED]: "true" },
    annotations: { ...BUILD_ANNOTATIONS, [PROCESSED]: "2026-01-01T00:00:00Z" },
  }),
];

/** The commands in document order, one per line. */
async function readCommands(): Promise<string[]> {
  const document = await Deno.readTextFile(new URL("../../docs/controllers.md", import.meta.url));
  const blocks = [...document.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = ""]) => text);
  return blocks.join("").split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

/** The inline commands of docs/operating.md that only query the API server. */
async function readInlineCommands(): Promise<string[]> {
  const document = await Deno.readTextFile(new URL("../../docs/operating.md", import.meta.url));
  return [...document.matchAll(/`(kubectl get [^`]+)`/g)].map(([, command = ""]) => command);
}

const apiserver = ignoredWithoutApiserver(
  "the kubectl commands of docs/controllers.md print what the document says",
);
const commands = needsCommands(["kubectl", "bash", "comm"], apiserver.name);

Deno.test({
  name: commands.name,
  ignore: apiserver.ignore || commands.ignore,
  fn: async () => {
    const [lease = "", waiting = "", deferred = "", why = "", givenUp = "", events = "", ...rest] =
      await readCommands();
    const [unlabel = "", unannotate = "", withoutToken = "", ...tooMany] = rest;
    assert.deepEqual(tooMany, []);
    await using api = await startKubeApiserver();
    using cluster = new TestCluster(api);
    await cluster.createNamespace("lagoon");
    await cluster.createNamespace(NAMESPACE, LAGOON_NAMESPACE_LABELS);
    await cluster.createNamespace("proj-dev", { ...LAGOON_NAMESPACE_LABELS, "lagoon.sh/environment": "dev" });
    for (const object of OBJECTS) await cluster.create("configmaps", NAMESPACE, object);
    await cluster.create("secrets", NAMESPACE, {
      metadata: { name: "insights-token", labels: { "lagoon.sh/insights-token": "true" } },
    });
    await cluster.send("POST", "/apis/coordination.k8s.io/v1/namespaces/lagoon/leases", {
      body: {
        metadata: { name: "ac8a682b.lagoon.sh" },
        spec: { holderIdentity: "a-pod_1", acquireTime: "2026-01-01T00:00:00.000000Z" },
      },
    });
    await cluster.send("POST", `/api/v1/namespaces/${NAMESPACE}/events`, {
      body: {
        metadata: { name: "refused" },
        involvedObject: { kind: "ConfigMap", namespace: NAMESPACE, name: "pending" },
        reason: "InsightsRefused",
        source: { component: "insights-remote" },
      },
    });
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(
        `${folder}/kubeconfig`,
        kubeconfigWith({ server: api.url, "certificate-authority-data": btoa(api.caCertificate) }, {
          token: api.token,
        }),
      );
      const run = (command: string) => paste(command, { KUBECONFIG: `${folder}/kubeconfig` });
      assert.match(await run(lease), /^a-pod_1 since 2026-01-01T/);
      assert.deepEqual(namesIn(await run(waiting)), ["pending"]);
      assert.deepEqual(namesIn(await run(deferred)), ["deferred"]);
      assert.match(await run(deferred), /1700000000\n$/);
      assert.equal(await run(why), `${NAMESPACE}/deferred: no confirm came\n`);
      assert.deepEqual(namesIn(await run(givenUp)), ["given-up"]);
      assert.match(await run(events), /InsightsRefused/);
      for (const command of [unlabel, unannotate]) {
        await run(command.replace("NAMESPACE", NAMESPACE).replace("NAME ", "processed "));
      }
      const { labels, annotations } = (await cluster.get("configmaps", NAMESPACE, "processed"))!.metadata;
      assert.deepEqual([labels, annotations], [SBOM_LABELS, BUILD_ANNOTATIONS]);
      assert.equal(await run(withoutToken), "proj-dev\n");
      const [pods = "", leaseObject = "", ...others] = await readInlineCommands();
      assert.deepEqual(others, []);
      // This cluster has no pods.
      assert.equal(await run(pods), "");
      assert.match(await run(leaseObject), /holderIdentity: a-pod_1/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** The second column of a table whose first column is the namespace. */
function namesIn(table: string): string[] {
  return table.trimEnd().split("\n").slice(1).map((line) => line.split(/ +/)[1]!).sort();
}
