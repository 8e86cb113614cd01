/** Runs the commands of docs/development.md on a real kube-apiserver, except for the clone and kind. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { needsCommands, paste } from "../fixtures/commands.ts";
import { ignoredWithoutApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { kubeconfigWith } from "../fixtures/kubeconfig.ts";
import { startLocalRun } from "../fixtures/local_run.ts";
import { until } from "../fixtures/until.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The commands under a heading of the document, in order. A command may have several lines. */
async function commandsUnder(heading: string): Promise<string[]> {
  const document = await Deno.readTextFile(`${ROOT}docs/development.md`);
  const section = document.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  const blocks = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = ""]) => text.trimEnd());
  return blocks.flatMap((block) => block.split(/(?<![|\\])\n/));
}

/** Runs a command of the document in the clone's folder. */
const run = (command: string, env: Readonly<Record<string, string>>) =>
  paste(command, { ...env, NO_COLOR: "1" }, ROOT);

const [, , DEV = "", APPLY = "", GET = "", ...TOO_MANY] = await commandsUnder(
  "From a clone to a processed ConfigMap",
);
const [POST = "", GENERATE = ""] = await commandsUnder("Post a fact to it");

Deno.test("docs/development.md has five commands from a clone to a processed ConfigMap", async () => {
  const [clone, kind] = await commandsUnder("From a clone to a processed ConfigMap");
  assert.match(clone ?? "", /^git clone \S+\/insights-remote\.git && cd insights-remote$/);
  assert.equal(kind, "kind create cluster");
  assert.equal(DEV, "deno task dev");
  assert.match(APPLY, /^kubectl apply /);
  assert.match(GET, /^kubectl get configmap /);
  assert.deepEqual(TOO_MANY, []);
});

const apiserver = ignoredWithoutApiserver("the commands of docs/development.md do what it says");
const commands = needsCommands(["kubectl", "bash", "curl"], apiserver.name);

Deno.test({
  name: commands.name,
  ignore: apiserver.ignore || commands.ignore,
  fn: async () => {
    await using api = await startKubeApiserver();
    const { cert, key } = api.clientCertificate;
    await using local = await startLocalRun({
      task: "dev",
      kubeconfig: kubeconfigWith(
        { server: api.url, "certificate-authority-data": btoa(api.caCertificate) },
        { "client-certificate-data": btoa(cert), "client-key-data": btoa(key) },
      ),
    });
    const env = { KUBECONFIG: `${local.folder}/kubeconfig` };
    await local.program.untilReady();
    await run(APPLY, env);
    let shown = "";
    await until("the ConfigMap is shown as processed", async () => {
      shown = await run(GET, env);
      return /true$/m.test(shown);
    });
    assert.match(shown, /^NAME +DATA +AGE +INSIGHTSPROCESSED\nlagoon-insights-sbom-nginx +1 +\S+ +true\n$/);

    const address = "http://localhost:8888/";
    assert.ok(POST.includes(address));
    assert.equal(await run(POST.replace(address, `${local.program.webUrl}/`), env), '{"message":"okay"}');
    assert.deepEqual(
      (await local.untilPrinted(2)).map(({ type, environment }) => [type, environment]),
      [["sbom", "main"], ["direct.facts", 1]],
    );

    const secret = await run(
      "kubectl get secret insights-token -n example-main -o go-template='{{.data.INSIGHTS_TOKEN|base64decode}}'",
      env,
    );
    assert.equal((await run(GENERATE, {})).trimEnd(), secret);
  },
});
