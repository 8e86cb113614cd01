import assert from "node:assert/strict";
import { configMapMessage, type InsightsConfigMap, RefusedError } from "../lib/insights/configmap_message.ts";
import {
  deleteFactsMessage,
  deleteProblemsMessage,
  encodeMessage,
  type InsightsMessage,
} from "../lib/insights/messages.ts";
import { assertAcceptable } from "./fixtures/handler_rules.ts";
import { TestApp } from "./routes/fixture.ts";

const ENVIRONMENT = {
  namespace: "proj-main",
  environmentId: "3",
  projectName: "proj",
  environmentName: "main",
};

/** The wire format of each message (docs/protocol.md, "Messages"). */
const SHAPES = {
  facts: '{"environment":3,"projectName":"proj","environmentName":"main","facts":[{"environment":"3",' +
    '"projectName":"proj","environmentName":"main","name":"n","value":"v","source":"s","description":"d",' +
    '"type":"","category":"c","service":""}],"type":"direct.facts"}',
  problems: '{"environment":3,"projectName":"proj","environmentName":"main","problems":[{"environment":3,' +
    '"identifier":"i","version":"1","source":"Shipshape","data":"{}","severity":"HIGH"}],"type":"direct.problems"}',
  deleteFacts: '{"type":"direct.delete.facts","environment":3,"source":"drush_pml","service":""}',
  deleteProblems: '{"type":"direct.delete.problems","environment":3,"source":"Shipshape","service":""}',
  configMap: '{"payload":null,"binaryPayload":{"nginx.cyclonedx.json.gz":"H4sI"},"annotations":{},"labels":' +
    '{"lagoon.sh/insightsType":"sbom-gz","lagoon.sh/service":"nginx","lagoon.sh/project":"proj",' +
    '"lagoon.sh/environment":"main"},"namespace":"proj-main",' +
    '"environment":"main","service":"nginx","project":"proj","type":"sbom"}',
};

const CONFIG_MAP: InsightsConfigMap = {
  metadata: {
    name: "lagoon-insights-sbom-nginx",
    namespace: "proj-main",
    labels: { "lagoon.sh/insightsType": "sbom-gz", "lagoon.sh/service": "nginx" },
  },
  binaryData: { "nginx.cyclonedx.json.gz": "H4sI" },
};

function withLabels(labels: Record<string, string>): InsightsConfigMap {
  return { ...CONFIG_MAP, metadata: { ...CONFIG_MAP.metadata, labels } };
}

const encode = (text: string) => new TextEncoder().encode(text);

/** Checks that the handler's rules reject a message with one change. */
function assertRefused(rule: string, shape: string, before: string, after: string): void {
  assert(shape.includes(before), `${before} is not in ${shape}`);
  const message = new RegExp(`rule is broken: ${rule.replace(/[[\].*]/g, "\\$&")}`);
  assert.throws(() => assertAcceptable(encode(shape.replace(before, after))), { message });
}

Deno.test("messages have the documented format, byte for byte", async () => {
  const messages: [InsightsMessage, string][] = [
    [deleteFactsMessage(ENVIRONMENT, "drush_pml"), SHAPES.deleteFacts],
    [deleteProblemsMessage(ENVIRONMENT, "Shipshape"), SHAPES.deleteProblems],
    [(await configMapMessage({ configMap: CONFIG_MAP, environment: ENVIRONMENT })).message, SHAPES.configMap],
  ];
  for (const [message, shape] of messages) {
    assert.equal(new TextDecoder().decode(encodeMessage(message)), shape);
  }
  for (const shape of Object.values(SHAPES)) assertAcceptable(encode(shape));
});

Deno.test("requests of every known client become messages of the documented format, byte for byte", async () => {
  const fact = '{"name":"n","value":"v","source":"s","description":"d","category":"c"}';
  const problem = '{"identifier":"i","version":"1","source":"Shipshape","data":"{}","severity":"HIGH"}';
  const app = new TestApp();
  await app.send("POST /facts", { body: `[${fact}]` });
  await app.send("POST /facts", { body: `{"environment":0,"facts":[${fact}]}` });
  await app.send("POST /problems", { body: `[${problem}]` });
  await app.send("DELETE /facts/drush_pml");
  await app.send("DELETE /problems/Shipshape");
  assert.deepEqual(
    app.publisher.messages.map(({ body }) => new TextDecoder().decode(body)),
    [SHAPES.facts, SHAPES.facts, SHAPES.problems, SHAPES.deleteFacts, SHAPES.deleteProblems],
  );
});

Deno.test("other labels, annotations and binary data of a ConfigMap are sent unchanged", async () => {
  const labels = { ...CONFIG_MAP.metadata.labels, "insights.lagoon.sh/type": "inspect", note: "kept" };
  const annotations = { "lagoon.sh/branch": "Main", "core.insights.lagoon.sh/enabled": "true", note: "é" };
  const { message } = await configMapMessage({
    configMap: { ...CONFIG_MAP, metadata: { ...CONFIG_MAP.metadata, labels, annotations } },
    environment: ENVIRONMENT,
  });
  const text = '{"payload":null,"binaryPayload":{"nginx.cyclonedx.json.gz":"H4sI"},"annotations":' +
    '{"lagoon.sh/branch":"Main","core.insights.lagoon.sh/enabled":"true","note":"é"},"labels":' +
    '{"lagoon.sh/insightsType":"sbom-gz","lagoon.sh/service":"nginx","insights.lagoon.sh/type":"inspect",' +
    '"note":"kept","lagoon.sh/project":"proj","lagoon.sh/environment":"main"},"namespace":"proj-main",' +
    '"environment":"main","service":"nginx","project":"proj","type":"inspect"}';
  assert.equal(new TextDecoder().decode(encodeMessage(message)), text);
  assertAcceptable(encode(text));
});

Deno.test("poison 1, neither payload nor binaryPayload: the rules reject it, and the program never sends it", async () => {
  const rule = "poison 1";
  const binary = '"binaryPayload":{"nginx.cyclonedx.json.gz":"H4sI"}';
  assertRefused(rule, SHAPES.configMap, binary, '"binaryPayload":null');
  assertRefused(rule, SHAPES.configMap, binary, '"binaryPayload":{}');
  assertRefused(rule, SHAPES.configMap, `"payload":null,${binary},`, "");
  for (const data of [{}, { data: {} }, { binaryData: {} }, { data: {}, binaryData: {} }]) {
    const configMap = { metadata: CONFIG_MAP.metadata, ...data };
    await assert.rejects(configMapMessage({ configMap, environment: ENVIRONMENT }), RefusedError);
  }
});

Deno.test("poison 2, the label insightsType: the rules reject it, and the program never sends it", async () => {
  for (const type of ["sbom", "image", "direct"]) {
    assertRefused("poison 2", SHAPES.configMap, '"sbom-gz"', `"${type}"`);
    assertRefused("poison 2", SHAPES.facts, "{", `{"labels":{"lagoon.sh/insightsType":"${type}"},`);
    for (const newType of [{}, { "insights.lagoon.sh/type": "sbom" }]) {
      const labels = { "lagoon.sh/insightsType": type, "lagoon.sh/service": "nginx", ...newType };
      const configMap = withLabels(labels as Record<string, string>);
      await assert.rejects(configMapMessage({ configMap, environment: ENVIRONMENT }), RefusedError);
    }
  }
});

Deno.test("poison 3, an unknown type without payload: the rules reject it, and the program never sends it", async () => {
  for (const type of ["anything", "", "facts"]) {
    assertRefused("poison 3", SHAPES.facts, '"type":"direct.facts"', `"type":"${type}"`);
    const app = new TestApp();
    const body = { type, facts: [{ name: "n", type, labels: { "lagoon.sh/insightsType": "sbom" } }] };
    assert.equal((await app.send("POST /facts", { body })).status, 200);
    assertAcceptable(app.publisher.messages[0]!.body);
  }
  // The handler would decode a ConfigMap of type `direct.…` as facts or problems.
  for (const type of ["direct.facts", "direct.delete.problems", "direct.", "other"]) {
    const configMap = withLabels({ ...CONFIG_MAP.metadata.labels, "insights.lagoon.sh/type": type });
    await assert.rejects(configMapMessage({ configMap, environment: ENVIRONMENT }), RefusedError);
  }
});

Deno.test("messages follow the handler's rules, whatever a client posts", async () => {
  const values = [null, "", "x", "\ud800", "😀".repeat(400), 0, -1, 1.5, true, [], {}, ["x"], { a: 1 }];
  const fields = ["environment", "projectName", "name", "value", "source", "type", "service", "labels"];
  const problemFields = ["environment", "identifier", "data", "severity", "severityScore", "links", "type"];
  const app = new TestApp();
  for (const value of values) {
    for (const field of fields) {
      const item = { name: "n", [field]: value };
      await app.send("POST /facts", { body: [item, { name: "n" }] });
      await app.send("POST /facts", { body: { payload: null, [field]: value, facts: [item] } });
    }
    for (const field of problemFields) {
      await app.send("POST /problems", { body: [{ identifier: "i", [field]: value }] });
    }
  }
  assert(app.publisher.messages.length > 100, String(app.publisher.messages.length));
  for (const { body } of app.publisher.messages) assertAcceptable(body);
  assert.deepEqual(app.log.lines.filter(({ level }) => level === "error"), []);
});
