/** Runs the commands of manifests/README.md, except the wait for pods: the server has no kubelet. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { TestCluster } from "../fixtures/cluster.ts";
import { needsCommands, paste } from "../fixtures/commands.ts";
import { ignoredWithoutApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { kubeconfigWith } from "../fixtures/kubeconfig.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The commands in document order; a line that ends with a backslash continues on the next. */
async function readCommands(): Promise<string[]> {
  const document = await Deno.readTextFile(`${ROOT}manifests/README.md`);
  const blocks = [...document.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = ""]) => text.trimEnd());
  return blocks.flatMap((block) => block.split(/(?<!\\)\n/));
}

const apiserver = ignoredWithoutApiserver("the commands of manifests/README.md install the program");
const commands = needsCommands(["kubectl", "bash", "openssl"], apiserver.name);

Deno.test({
  name: commands.name,
  ignore: apiserver.ignore || commands.ignore,
  fn: async () => {
    const [namespace = "", secret = "", apply = "", rollout = "", binding = "", ...others] =
      await readCommands();
    assert.match(rollout, /^kubectl rollout status /);
    assert.deepEqual(others, []);
    await using api = await startKubeApiserver();
    using cluster = new TestCluster(api);
    const folder = await Deno.makeTempDir();
    try {
      const user = { token: api.token };
      const server = { server: api.url, "certificate-authority-data": btoa(api.caCertificate) };
      await Deno.writeTextFile(`${folder}/kubeconfig`, kubeconfigWith(server, user));
      for (const command of [namespace, secret, apply, binding]) {
        await paste(command, { KUBECONFIG: `${folder}/kubeconfig`, HOME: folder }, ROOT);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    const made = await cluster.get("secrets", "lagoon", "insights-remote");
    assert.deepEqual(Object.keys((made as unknown as { data: object }).data).sort(), [
      "INSIGHTS_TOKEN_SECRET",
      "RABBITMQ_ADDRESS",
      "RABBITMQ_PASSWORD",
      "RABBITMQ_USERNAME",
    ]);
    const deployment = await cluster.send(
      "GET",
      "/apis/apps/v1/namespaces/lagoon/deployments/insights-remote",
    );
    assert.equal((deployment as { spec: { replicas: number } }).spec.replicas, 2);
    const bound = await cluster.send(
      "GET",
      "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/insights-remote-metrics-reader",
    );
    assert.equal((bound as { roleRef: { name: string } }).roleRef.name, "insights-remote-metrics-reader");
  },
});
