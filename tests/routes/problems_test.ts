import assert from "node:assert/strict";
import { assertAcceptable } from "../fixtures/handler_rules.ts";
import { statusAndAnswer, TestApp } from "./fixture.ts";

const PROBLEM = {
  identifier: "CVE-1",
  version: "1",
  fixedVersion: "2",
  source: "Shipshape",
  service: "cli",
  data: '{"a":1}',
  severity: "HIGH",
  severityScore: 0.7,
  associatedPackage: "p",
  description: "d",
  links: "l",
};
const HEADER = { environment: 3, projectName: "proj", environmentName: "main" };

Deno.test("POST /problems publishes problems, full and minimal, and answers exactly okay", async () => {
  const app = new TestApp();
  const minimal = { identifier: "minimal", severity: "LOW", data: "{}" };
  const response = await app.send("POST /problems", { body: [PROBLEM, minimal] });
  assert.equal(await response.text(), '{"message":"okay"}');
  assertAcceptable(app.publisher.messages[0]!.body);
  assert.deepEqual(app.publisher.bodies, [{
    ...HEADER,
    problems: [
      { environment: 3, ...PROBLEM },
      { environment: 3, ...minimal, source: "InsightsRemoteWebService" },
    ],
    type: "direct.problems",
  }]);
});

Deno.test("POST /problems takes the environment from the token, whatever a problem says", async () => {
  const app = new TestApp();
  const foreign = { environment: "9", projectName: "other", environmentName: 1, type: "sbom", id: 1 };
  assert.equal((await app.send("POST /problems", { body: [{ ...PROBLEM, ...foreign }] })).status, 200);
  assert.deepEqual(app.publisher.bodies[0]!.problems, [{ environment: 3, ...PROBLEM }]);
});

Deno.test("POST /problems tells what it repaired, without repeating it", async () => {
  const app = new TestApp();
  const body = [{ ...PROBLEM, severity: "severe", data: "" }, {
    ...PROBLEM,
    version: "2",
    severity: "low",
    data: "plain",
  }];
  assert.deepEqual(await statusAndAnswer(await app.send("POST /problems", { body })), [200, {
    message: "okay",
    warnings: [
      "problems[0].severity: unknown, set to UNKNOWN; use one of " +
      "NONE, UNKNOWN, NEGLIGIBLE, LOW, MEDIUM, HIGH, CRITICAL",
      "problems[0].data: missing, set to {}",
      "problems[1].severity: written in upper case",
      "problems[1].data: not a JSON document, encoded as a JSON string",
    ],
  }]);
  assert.deepEqual(app.publisher.bodies[0]!.problems, [
    { environment: 3, ...PROBLEM, severity: "UNKNOWN", data: "{}" },
    { environment: 3, ...PROBLEM, version: "2", severity: "LOW", data: '"plain"' },
  ]);
});

Deno.test("POST /problems refuses a body that it can't use, names the mistake, and publishes nothing", async () => {
  const cases: [unknown, string][] = [
    [[{ ...PROBLEM, severityScore: "0.7" }], "problems[0].severityScore: expected number, received string"],
    [[PROBLEM, {}], "problems[1].identifier: expected string, received undefined"],
    [{ problems: [PROBLEM] }, "body: expected an array of problems, received object"],
    ["[", "The body must be a JSON document"],
  ];
  for (const [body, message] of cases) {
    const app = new TestApp();
    const answer = await statusAndAnswer(await app.send("POST /problems", { body }));
    assert.deepEqual(answer, [400, { status: "Unable to parse incoming data", message }]);
    assert.deepEqual(app.publisher.messages, []);
  }
});

Deno.test("DELETE /problems publishes a deletion with and without a service", async () => {
  const app = new TestApp();
  for (const path of ["/problems/Shipshape", "/problems/Ship%2Fshape/cli"]) {
    assert.equal(await (await app.send(`DELETE ${path}`)).text(), '{"message":"okay"}');
  }
  const deletion = { type: "direct.delete.problems", environment: 3 };
  assert.deepEqual(app.publisher.bodies, [
    { ...deletion, source: "Shipshape", service: "" },
    { ...deletion, source: "Ship/shape", service: "cli" },
  ]);
});
