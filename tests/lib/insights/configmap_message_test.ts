import assert from "node:assert/strict";
import { TerminalError } from "../../../lib/errors.ts";
import {
  configMapMessage,
  type InsightsConfigMap,
  RefusedError,
} from "../../../lib/insights/configmap_message.ts";

const ENVIRONMENT = {
  namespace: "proj-main",
  environmentId: "3",
  projectName: "proj",
  environmentName: "main",
};
const BINARY_DATA = { "nginx.cyclonedx.json.gz": "H4sI" };

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

function refusal(labels: Record<string, string>, data?: Partial<InsightsConfigMap>): RefusedError {
  try {
    configMapMessage(configMap(labels, data));
  } catch (error) {
    assert(error instanceof RefusedError && error instanceof TerminalError);
    return error;
  }
  assert.fail(`Not refused: ${JSON.stringify(labels)}`);
}

Deno.test("configMapMessage() takes the type from the new label, otherwise from the old one", () => {
  const cases: [Record<string, string>, string][] = [
    [{ "lagoon.sh/insightsType": "sbom-gz" }, "sbom"],
    [{ "lagoon.sh/insightsType": "image-gz" }, "inspect"],
    [{ "lagoon.sh/insightsType": "sbom-gz", "insights.lagoon.sh/type": "inspect" }, "inspect"],
    [{ "lagoon.sh/insightsType": "anything", "insights.lagoon.sh/type": "sbom" }, "sbom"],
  ];
  for (const [labels, type] of cases) assert.equal(configMapMessage(configMap(labels)).type, type);
});

Deno.test("configMapMessage() takes project and environment from the namespace, not from the ConfigMap", () => {
  const labels = {
    "lagoon.sh/insightsType": "sbom-gz",
    "lagoon.sh/project": "other",
    "lagoon.sh/environment": "other",
  };
  const message = configMapMessage(configMap(labels));
  assert.equal(message.project, "proj");
  assert.equal(message.environment, "main");
  assert.equal(message.service, "nginx");
  assert.deepEqual(message.labels, { "lagoon.sh/service": "nginx", ...labels });
});

Deno.test("configMapMessage() omits the deferred label, and doesn't change the object", () => {
  const input = configMap({
    "lagoon.sh/insightsType": "sbom-gz",
    "lagoon.sh/insightsWriteDeferred": "1795428000",
  });
  const before = structuredClone(input);
  assert.deepEqual(Object.keys(configMapMessage(input).labels), [
    "lagoon.sh/service",
    "lagoon.sh/insightsType",
  ]);
  assert.deepEqual(input, before);
});

Deno.test("configMapMessage() has null, never {}, for missing data", () => {
  const labels = { "lagoon.sh/insightsType": "sbom-gz" };
  const binary = configMapMessage(configMap(labels, { data: {}, binaryData: BINARY_DATA }));
  assert.equal(binary.payload, null);
  assert.deepEqual(binary.binaryPayload, BINARY_DATA);
  const text = configMapMessage(configMap(labels, { data: { "a.json": "{}" }, binaryData: {} }));
  assert.deepEqual(text.payload, { "a.json": "{}" });
  assert.equal(text.binaryPayload, null);
});

Deno.test("configMapMessage() refuses a ConfigMap without data", () => {
  const labels = { "lagoon.sh/insightsType": "sbom-gz" };
  for (const data of [{}, { data: {} }, { binaryData: {} }, { data: {}, binaryData: {} }]) {
    assert.equal(refusal(labels, data).code, "insights-payload-empty");
  }
});

Deno.test("configMapMessage() refuses old types that stop the handler, whatever the new label is", () => {
  for (const type of ["sbom", "image", "direct"]) {
    const error = refusal({ "lagoon.sh/insightsType": type, "insights.lagoon.sh/type": "sbom" });
    assert.equal(error.code, "insights-type-poisonous");
    assert.match(error.message, /set it to "sbom-gz".* or "image-gz"/);
  }
});

Deno.test("configMapMessage() refuses every type but sbom and inspect", () => {
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
    const error = refusal({ "lagoon.sh/insightsType": "sbom-gz", "insights.lagoon.sh/type": type });
    assert.equal(error.code, "insights-type-unknown", type);
    assert.match(error.message, /set the label insights\.lagoon\.sh\/type to "sbom" or "inspect"/);
  }
  for (const type of ["", "Sbom", "SBOM-GZ", "direct.facts", "constructor", "__proto__"]) {
    assert.equal(refusal({ "lagoon.sh/insightsType": type }).code, "insights-type-unknown", type);
  }
});

Deno.test("configMapMessage() refuses a ConfigMap without labels, and one without a service", () => {
  const metadata = { name: "n", namespace: "proj-main" };
  assert.throws(
    () => configMapMessage({ configMap: { metadata, binaryData: BINARY_DATA }, environment: ENVIRONMENT }),
    { code: "insights-type-unknown" },
  );
  const error = refusal({ "lagoon.sh/insightsType": "sbom-gz", "lagoon.sh/service": "" });
  assert.equal(error.code, "insights-service-missing");
  assert.match(error.message, /set the label lagoon\.sh\/service/);
});
