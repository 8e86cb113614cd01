import assert from "node:assert/strict";
import { assertAcceptable } from "../fixtures/handler_rules.ts";
import { statusAndAnswer, TestApp } from "./fixture.ts";

const FACT = {
  name: "php-version",
  value: "8.3.1",
  source: "drush",
  description: "PHP",
  category: "Language",
};
const SENT_FACT = {
  environment: "3",
  projectName: "proj",
  environmentName: "main",
  ...FACT,
  type: "",
  service: "",
};
const SENT = {
  environment: 3,
  projectName: "proj",
  environmentName: "main",
  facts: [SENT_FACT],
  type: "direct.facts",
};

/** Posts one body and gives back what was published. */
async function published(body: unknown): Promise<Record<string, unknown>> {
  const app = new TestApp();
  const response = await app.send("POST /facts", { body });
  assert.equal(response.status, 200, await response.clone().text());
  assert.equal(app.publisher.messages.length, 1);
  assertAcceptable(app.publisher.messages[0]!.body);
  return app.publisher.bodies[0]!;
}

Deno.test("POST /facts publishes an array of facts and answers exactly okay", async () => {
  const app = new TestApp();
  const response = await app.send("POST /facts", { body: [FACT] });
  assert.match(response.headers.get("content-type")!, /^application\/json/);
  assert.equal(await response.text(), '{"message":"okay"}');
  assert.deepEqual(app.publisher.bodies, [SENT]);
  assert.equal(app.publisher.messages[0]!.id, "request-1");
});

Deno.test("POST /facts publishes the object form, which lagoon-facts-app sends, in the same way", async () => {
  const facts = [{ ...FACT, environment: "", projectName: "", environmentName: "", type: "", service: "" }];
  const body = { environment: 0, projectName: "", environmentName: "", facts, type: "direct.facts" };
  assert.deepEqual(await published(body), SENT);
});

Deno.test("POST /facts takes the environment from the token, whatever body and facts say", async () => {
  const foreign = { environment: 9, projectName: "other", environmentName: "other", namespace: "other-main" };
  assert.deepEqual(await published([{ ...FACT, ...foreign }]), SENT);
  assert.deepEqual(await published({ ...foreign, facts: [{ ...FACT, ...foreign, environment: "9" }] }), SENT);
});

Deno.test("POST /facts forces the type: a tenant's own would stop the handler", async () => {
  for (const type of ["sbom", "direct", "direct.problems", "", null, 7, { a: 1 }]) {
    const poison = { type, payload: null, binaryPayload: null, labels: { "lagoon.sh/insightsType": "sbom" } };
    assert.deepEqual(await published({ ...poison, facts: [FACT] }), SENT);
  }
});

Deno.test("POST /facts fills in the source of facts that name none", async () => {
  const { facts } = await published([{ name: "a" }, { name: "b", source: null }, { name: "c", source: "" }]);
  const sources = (facts as { source: string }[]).map(({ source }) => source);
  assert.deepEqual(sources, Array(3).fill("InsightsRemoteWebService"));
});

Deno.test("POST /facts publishes an empty list, which changes nothing", async () => {
  for (const body of [[], { facts: [] }, { facts: null }, "null"]) {
    assert.deepEqual(await published(body), { ...SENT, facts: [] });
  }
});

Deno.test("POST /facts tells what it repaired", async () => {
  const app = new TestApp();
  const body = [FACT, { ...FACT, value: "x".repeat(301) }];
  assert.deepEqual(await statusAndAnswer(await app.send("POST /facts", { body })), [200, {
    message: "okay",
    warnings: [
      "facts[1].value: cut to 300 characters",
      "facts[0].name: left out, as facts[1] has the same name, source: " +
      "Lagoon core ignores case, accents and blanks at the end",
    ],
  }]);
  assert.deepEqual(app.publisher.bodies[0]!.facts, [{ ...SENT_FACT, value: "x".repeat(300) }]);
});

Deno.test("POST /facts takes any content type, and a byte order mark", async () => {
  const app = new TestApp();
  const body = `\ufeff${JSON.stringify([FACT])}`;
  for (const type of ["application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"]) {
    const headers = { "content-type": type };
    assert.equal((await app.send("POST /facts", { body, headers })).status, 200, type);
  }
  assert.deepEqual(app.publisher.bodies, [SENT, SENT, SENT]);
});

Deno.test("POST /facts refuses a body that it can't use, names the mistake, and publishes nothing", async () => {
  const cases: [unknown, string][] = [
    [[FACT, FACT, FACT, { ...FACT, value: 5 }], "facts[3].value: expected string, received number"],
    [{ facts: [{ ...FACT, name: "" }] }, "facts[0].name: must not be empty"],
    ["{", "The body must be a JSON document"],
    ["", "The body must be a JSON document"],
    [undefined, "The body must be a JSON document"],
    [new Uint8Array([0x22, 0xff, 0x22]), "The body must be UTF-8"],
    ['"text"', "body: expected an array of facts, or an object with facts, received string"],
  ];
  for (const [body, message] of cases) {
    const app = new TestApp();
    const answer = await statusAndAnswer(await app.send("POST /facts", { body }));
    assert.deepEqual(answer, [400, { status: "Unable to parse incoming data", message }]);
    assert.deepEqual(app.publisher.messages, []);
  }
});

Deno.test("DELETE /facts publishes a deletion with and without a service", async () => {
  const app = new TestApp();
  for (const path of ["/facts/drush_pml", "/facts/drush_pml/cli", "/facts/drush_pml/"]) {
    assert.equal(await (await app.send(`DELETE ${path}`)).text(), '{"message":"okay"}');
  }
  const deletion = { type: "direct.delete.facts", environment: 3, source: "drush_pml", service: "" };
  assert.deepEqual(app.publisher.bodies, [deletion, { ...deletion, service: "cli" }, deletion]);
});
