import assert from "node:assert/strict";
import { TerminalError } from "../../../lib/errors.ts";
import {
  configMapMessage,
  type InsightsConfigMap,
  RefusedError,
} from "../../../lib/insights/configmap_message.ts";
import { SBOM_DATA } from "../../fixtures/objects.ts";

const ENVIRONMENT = {
  namespace: "proj-main",
  environmentId: "3",
  projectName: "proj",
  environmentName: "main",
};
const SBOM = { "lagoon.sh/insightsType": "sbom-gz" };
const BINARY_DATA = SBOM_DATA;

function configMap(
  labels: Record<string, string>,
  data: Partial<InsightsConfigMap> = { binaryData: BINARY_DATA },
) {
  const metadata = {
    name: "lagoon-insights-sbom-nginx",
    namespace: "proj-main",
    labels: { "lagoon.sh/service": "nginx", ...labels },
  };
  return { configMap: { metadata, ...data }, environment: ENVIRONMENT };
}

/** Makes the message of an SBOM in an environment of project `proj`. */
async function messageOf(
  labels: Record<string, string> = {},
  annotations: Record<string, string> = {},
  environmentName = "main",
) {
  const { configMap: { metadata, ...data } } = configMap({ ...SBOM, ...labels });
  const environment = { projectName: "proj", environmentName };
  return await configMapMessage({
    configMap: { metadata: { ...metadata, annotations }, ...data },
    environment,
  });
}

async function refusal(
  labels: Record<string, string>,
  data?: Partial<InsightsConfigMap>,
): Promise<RefusedError> {
  try {
    await configMapMessage(configMap(labels, data));
  } catch (error) {
    assert(error instanceof RefusedError && error instanceof TerminalError);
    return error;
  }
  assert.fail(`Not refused: ${JSON.stringify(labels)}`);
}

Deno.test("configMapMessage() takes the type from the new label, otherwise from the old one", async () => {
  const cases: [Record<string, string>, string][] = [
    [{ "lagoon.sh/insightsType": "sbom-gz" }, "sbom"],
    [{ "lagoon.sh/insightsType": "image-gz" }, "inspect"],
    [{ "lagoon.sh/insightsType": "sbom-gz", "insights.lagoon.sh/type": "inspect" }, "inspect"],
    [{ "lagoon.sh/insightsType": "anything", "insights.lagoon.sh/type": "sbom" }, "sbom"],
  ];
  for (const [labels, type] of cases) {
    assert.equal((await configMapMessage(configMap(labels))).message.type, type);
  }
});

Deno.test("configMapMessage() takes project and environment from the namespace, whatever the ConfigMap's labels say", async () => {
  const own = { "lagoon.sh/project": "proj", "lagoon.sh/environment": "main" };
  for (const labels of [own, {}]) {
    const { message, findings: { warnings } } = await messageOf(labels);
    assert.deepEqual(message.labels, { "lagoon.sh/service": "nginx", ...SBOM, ...own });
    assert.deepEqual([message.project, message.environment, message.service], ["proj", "main", "nginx"]);
    assert.deepEqual(warnings, []);
  }
  const { message, findings: { warnings } } = await messageOf({
    "lagoon.sh/project": "victim",
    "lagoon.sh/environment": "prod",
  });
  assert.deepEqual(message.labels, { "lagoon.sh/service": "nginx", ...SBOM, ...own });
  assert.deepEqual(warnings.map(({ code }) => code), ["label-replaced", "label-replaced"]);
  assert.match(warnings[1]!.message, /lagoon\.sh\/environment was sent as "main", which is the namespace's/);
});

const BRANCH = "lagoon.sh/branch";

Deno.test("configMapMessage() sends a branch that leads to the namespace's environment", async () => {
  const annotations = { [BRANCH]: "Feature/1", other: "kept" };
  const { message, findings: { warnings } } = await messageOf(
    { "lagoon.sh/buildType": "branch" },
    annotations,
    "feature-1",
  );
  assert.deepEqual([message.annotations, warnings], [annotations, []]);
});

Deno.test("configMapMessage() leaves out a branch that leads to another environment", async () => {
  for (const branch of ["prod", ""]) {
    for (const labels of [{ "lagoon.sh/buildType": "branch" }, {}]) {
      const { message, findings: { warnings } } = await messageOf(labels, {
        [BRANCH]: branch,
        other: "kept",
      });
      assert.deepEqual(message.annotations, { other: "kept" });
      assert.deepEqual(warnings.map(({ code }) => code), ["branch-left-out"]);
    }
  }
});

Deno.test("configMapMessage() leaves out the number of a pull request without a warning, as every such build has one", async () => {
  const { message, findings: { warnings } } = await messageOf(
    { "lagoon.sh/buildType": "pullrequest" },
    { [BRANCH]: "7" },
    "pr-7",
  );
  assert.deepEqual([message.annotations, warnings], [{}, []]);
});

Deno.test("configMapMessage() omits the deferred label, and doesn't change the object", async () => {
  const input = configMap({ ...SBOM, "lagoon.sh/insightsWriteDeferred": "1795428000" });
  const before = structuredClone(input);
  const { message } = await configMapMessage(input);
  assert.ok(!("lagoon.sh/insightsWriteDeferred" in message.labels));
  assert.deepEqual(input, before);
});

async function gunzip(base64: string): Promise<string> {
  const packed = new Blob([Uint8Array.fromBase64(base64)]);
  return await new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

const IMAGE = { "lagoon.sh/insightsType": "image-gz" };

Deno.test("configMapMessage() sends data gzipped as binaryPayload, and never as payload", async () => {
  for (const binaryData of [{}, undefined]) {
    const data = { "a.json": '{"é":1}' };
    const { message, findings } = await configMapMessage(
      configMap(IMAGE, { data, ...(binaryData && { binaryData }) }),
    );
    assert.equal(message.payload, null);
    assert.deepEqual(Object.keys(message.binaryPayload), ["a.json"]);
    assert.equal(await gunzip(message.binaryPayload["a.json"]!), data["a.json"]);
    assert.deepEqual(findings, { repairs: [], warnings: [] });
  }
});

Deno.test("configMapMessage() gzips data that is not JSON, and warns", async () => {
  const { message, findings } = await configMapMessage(configMap(IMAGE, { data: { README: "é" } }));
  assert.equal(await gunzip(message.binaryPayload.README!), "é");
  assert.deepEqual(findings.warnings.map(({ code }) => code), ["unreadable"]);
});

Deno.test("configMapMessage() sends binaryData unchanged, and warns that data beside it is left out", async () => {
  const only = await configMapMessage(configMap(SBOM, { data: {}, binaryData: BINARY_DATA }));
  const both = await configMapMessage(configMap(SBOM, { data: { README: "x" }, binaryData: BINARY_DATA }));
  for (const { message } of [only, both]) {
    assert.equal(message.payload, null);
    assert.deepEqual(message.binaryPayload, BINARY_DATA);
  }
  assert.deepEqual(only.findings, { repairs: [], warnings: [] });
  assert.deepEqual(both.findings.warnings.map(({ code }) => code), ["data-left-out"]);
});

Deno.test("configMapMessage() checks every document, and warns that Lagoon core reads one", async () => {
  const poison = btoa('{"Env":["A"]}');
  const binaryData = JSON.parse(`{"__proto__":"${poison}","b":"bm8=","c":"${poison}"}`);
  const { message, findings } = await configMapMessage(configMap(IMAGE, { binaryData }));
  const sent = Object.entries(message.binaryPayload);
  assert.deepEqual(sent.map(([key]) => key), ["__proto__", "b", "c"]);
  for (const index of [0, 2]) assert.equal(await gunzip(sent[index]![1]), '{"Env":["A="]}');
  assert.equal(sent[1]![1], "bm8=");
  assert.deepEqual(findings.repairs, ["env", "env"]);
  assert.deepEqual(findings.warnings.map(({ code }) => code), ["several-documents", "unreadable"]);
  assert.match(
    findings.warnings[1]!.message,
    /^Lagoon core can't read the document "b", because it is neither gzip nor a JSON object: build it again\.$/,
  );
});

Deno.test("configMapMessage() refuses a ConfigMap without data", async () => {
  const labels = { "lagoon.sh/insightsType": "sbom-gz" };
  for (const data of [{}, { data: {} }, { binaryData: {} }, { data: {}, binaryData: {} }]) {
    assert.equal((await refusal(labels, data)).code, "insights-payload-empty");
  }
});

Deno.test("configMapMessage() refuses old types that stop the handler, whatever the new label is", async () => {
  for (const type of ["sbom", "image", "direct"]) {
    const error = await refusal({ "lagoon.sh/insightsType": type, "insights.lagoon.sh/type": "sbom" });
    assert.equal(error.code, "insights-type-poisonous");
    assert.match(error.message, /set it to "sbom-gz".* or "image-gz"/);
  }
});

Deno.test("configMapMessage() refuses every type but sbom and inspect", async () => {
  const types = [
    "direct.facts",
    "direct.delete.facts",
    "direct.",
    "SBOM",
    "image",
    "",
    "sbom-gz",
    "constructor",
  ];
  for (const type of types) {
    const error = await refusal({ "lagoon.sh/insightsType": "sbom-gz", "insights.lagoon.sh/type": type });
    assert.equal(error.code, "insights-type-unknown", type);
    assert.match(error.message, /set the label insights\.lagoon\.sh\/type to "sbom" or "inspect"/);
  }
  for (const type of ["", "Sbom", "SBOM-GZ", "direct.facts", "constructor", "__proto__"]) {
    assert.equal((await refusal({ "lagoon.sh/insightsType": type })).code, "insights-type-unknown", type);
  }
});

Deno.test("configMapMessage() refuses a ConfigMap without labels, and one without a service", async () => {
  const metadata = { name: "n", namespace: "proj-main" };
  await assert.rejects(
    configMapMessage({ configMap: { metadata, binaryData: BINARY_DATA }, environment: ENVIRONMENT }),
    { code: "insights-type-unknown" },
  );
  const error = await refusal({ "lagoon.sh/insightsType": "sbom-gz", "lagoon.sh/service": "" });
  assert.equal(error.code, "insights-service-missing");
  assert.match(error.message, /set the label lagoon\.sh\/service/);
});
