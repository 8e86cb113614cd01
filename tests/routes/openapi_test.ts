/** The API description: it is public, valid OpenAPI, and matches what the program does. */
import assert from "node:assert/strict";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import fc from "fast-check";
import { systemClock } from "../../lib/clock.ts";
import { type Operation, readDescription } from "../fixtures/openapi.ts";
import { startServerWith } from "../lib/http/fixture.ts";
import { documentUrl, openApiText } from "../tools/docs.ts";
import { FAILURES, type OperationId, OPERATIONS } from "../tools/openapi/failures.ts";
import { anyJson, nearlyValid } from "./bodies.ts";
import { type Answer, SCENARIOS, SUCCESS } from "./failures.ts";
import { TestApp } from "./fixture.ts";

const description = await readDescription();
const operations = new Map(description.operations.map((operation) => [operation.operationId, operation]));

Deno.test("docs/openapi.json is up to date (`deno task docs` generates it)", async () => {
  const isUpToDate = await Deno.readTextFile(documentUrl("openapi.json")) === openApiText();
  assert.ok(isUpToDate, "docs/openapi.json is out of date: run `deno task docs`");
});

Deno.test("GET /openapi.json needs no token and no broker, and does not count as a request in flight", async () => {
  const app = new TestApp({ maxInFlight: 1 });
  app.publisher.beforeConfirm = () => new Promise(() => {});
  app.send("DELETE /facts/drush");
  await app.untilWaiting(1);
  app.publisher.ready = false;
  for (const path of ["/openapi.json", "/openapi.json/", "/openapi.json"]) {
    const response = await app.send(`GET ${path}`, { authorization: null });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.deepEqual(await response.json(), description.document);
  }
  const { text } = await app.metrics.render();
  assert.match(text, /http_requests_total\{route="\/openapi\.json",method="GET",code="200"\} 3\n/);
  assert.match(text, /requests_in_flight\{server="web"\} 1\n/);
});

Deno.test("The server sends the same document to everyone, and no body for HEAD", async () => {
  await using server = await startServerWith(systemClock, new TestApp().fetch);
  const url = `http://127.0.0.1:${server.port}/openapi.json`;
  for (let round = 0; round < 2; round++) {
    const response = await fetch(url);
    assert.equal(response.headers.get("x-request-id"), `request-${round + 1}`);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.deepEqual(await response.json(), description.document);
  }
  const head = await fetch(url, { method: "HEAD" });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
});

Deno.test("Other methods of /openapi.json get 405", async () => {
  const response = await new TestApp().send("POST /openapi.json", { authorization: null });
  assert.deepEqual([response.status, response.headers.get("allow")], [405, "GET, HEAD"]);
});

async function lint(document: unknown): Promise<string[]> {
  const config = await createConfig({
    extends: ["recommended-strict"],
    // This repository has no license file.
    rules: {
      "info-license": "off",
      "no-invalid-schema-examples": "error",
      "no-schema-type-mismatch": "error",
    },
  });
  const source = JSON.stringify(document);
  const problems = await lintFromString({ source, absoluteRef: "openapi.json", config });
  return problems.map(({ ruleId, message }) => `${ruleId}: ${message}`);
}

Deno.test("The document passes Redocly's strictest rules for OpenAPI 3.1", async () => {
  assert.deepEqual(await lint(description.document), []);
  // The linter detects wrong structure, wrong examples and broken references.
  const { info: _, ...untitled } = description.document;
  const text = JSON.stringify(description.document);
  for (
    const [broken, rule] of [
      [untitled, "struct"],
      [JSON.parse(text.replace('"php-version"', "8")), "no-invalid-media-type-examples"],
      [JSON.parse(text.replaceAll('schemas/Fact"', 'schemas/Factoid"')), "no-unresolved-refs"],
    ] as const
  ) {
    const problems = await lint(broken);
    assert.ok(problems.some((problem) => problem.startsWith(`${rule}:`)), `${rule}: ${problems}`);
  }
});

/** Asserts that a response matches the document. */
function assertDocumented({ responses, operationId }: Operation, { status, headers, body }: Answer): void {
  const response = responses[status];
  assert.ok(response, `${operationId} answers ${status}, which is not documented`);
  assert.equal(headers.get("content-type"), "application/json");
  assert.deepEqual(description.mistakes(response.content["application/json"].schema, body), []);
  for (const [name, { required, schema }] of Object.entries(response.headers)) {
    const text = headers.get(name);
    if (text === null) assert.ok(!required, `${operationId} ${status} has no ${name}`);
    else assert.deepEqual(description.mistakes(schema, /^\d+$/.test(text) ? Number(text) : text), []);
  }
}

Deno.test("Every operation is in the document, and every failure has a scenario", () => {
  assert.deepEqual([...operations.keys()].sort(), [...OPERATIONS].sort());
  assert.deepEqual(Object.keys(SCENARIOS).sort(), Object.keys(FAILURES).sort());
  for (const { operationId, responses } of operations.values()) {
    const codes = Object.values(FAILURES).filter(({ of }) => of.includes(operationId as OperationId))
      .map(({ code }) => String(code));
    assert.deepEqual(Object.keys(responses).sort(), [...new Set(["200", ...codes])].sort(), operationId);
  }
});

for (const [name, { of, code, status, message }] of Object.entries(FAILURES)) {
  Deno.test(`Failure ${name} gets the documented response`, async () => {
    const scenario = SCENARIOS[name];
    assert.ok(scenario, `${name} has no scenario`);
    for (const operationId of of) {
      const failed = await scenario(operationId);
      assert.deepEqual([failed.status, failed.body], [code, { status, message }], operationId);
      assertDocumented(operations.get(operationId)!, failed);
    }
  });
}

Deno.test("Successful operations get the documented 200, with and without warnings", async () => {
  for (const [operationId, operation] of operations) {
    assertDocumented(operation, await SUCCESS(operationId as OperationId));
  }
  for (const body of [[{ identifier: "i" }], Array(60).fill({ identifier: "i" })]) {
    const response = await new TestApp().send("POST /problems", { body });
    const answer = await response.json();
    assert.ok(answer.warnings.length > 0);
    const { status, headers } = response;
    assertDocumented(operations.get("postProblems")!, { status, headers, body: answer });
  }
});

/** Errors that no client sees: it disconnected, the program doesn't start, or another documented text is sent. */
const UNSEEN = [
  "body-incomplete",
  "client-gone",
  "cannot-listen",
  "certificate",
  "broker-not-ready",
];

/** The metrics server's responses, which this document does not cover. */
const OF_METRICS = "metrics.ts";

Deno.test("Every error of routes, bodies and tokens is a documented failure", async () => {
  const seen = new Set<string>();
  for (const [name, { of }] of Object.entries(FAILURES)) {
    const { code } = await SCENARIOS[name]!(of[0]!);
    if (code !== undefined) seen.add(code);
  }
  const thrown = new Set<string>();
  for await (const text of sources(["routes", "lib/insights", "lib/http"], ["lib/tokens.ts"])) {
    for (
      const [, code] of text.matchAll(/new (?:App|Body|Token|Terminal|Unavailable)Error\(\s*"([a-z-]+)"/g)
    ) thrown.add(code!);
  }
  assert.ok(thrown.size > 15);
  assert.deepEqual([...thrown].filter((code) => !seen.has(code) && !UNSEEN.includes(code)), []);
});

Deno.test("Every status in the code of the routes and the server is documented", async () => {
  const known = new Set(Object.values(FAILURES).map(({ code }) => code));
  const named = new Set<number>();
  for await (const text of sources(["routes", "lib/http"])) {
    for (const [, code] of text.matchAll(/(?:code: |failureAnswer\(\s*)([45]\d\d)/g)) named.add(Number(code));
  }
  assert.deepEqual([...named].sort(), [...known].sort());
});

async function* sources(folders: readonly string[], files: readonly string[] = []): AsyncGenerator<string> {
  const root = new URL("../../", import.meta.url);
  for (const folder of folders) {
    for await (const { name } of Deno.readDir(new URL(folder, root))) {
      if (name !== OF_METRICS) yield await Deno.readTextFile(new URL(`${folder}/${name}`, root));
    }
  }
  for (const file of files) yield await Deno.readTextFile(new URL(file, root));
}

const SCHEMAS = { facts: "#/components/schemas/Facts", problems: "#/components/schemas/Problems" } as const;

/** Removes duplicate fields, which a schema cannot see. */
function withoutRepeatedFields(body: string): string {
  return JSON.stringify(JSON.parse(body));
}

Deno.test("Bodies get 200 if the document's schemas accept them, and 400 if not", async () => {
  const bodies = fc.constantFrom("facts" as const, "problems" as const).chain((list) =>
    fc.tuple(fc.constant(list), fc.oneof(nearlyValid(list), anyJson).map(withoutRepeatedFields))
  );
  const counts: Record<number, number> = {};
  const property = fc.asyncProperty(bodies, async ([list, body]) => {
    const mistakes = description.mistakes({ $ref: SCHEMAS[list] }, JSON.parse(body));
    const app = new TestApp({ maxBodyBytes: 1_000_000, maxItems: 100, maxJsonDepth: 1000 });
    const { status } = await app.send(`POST /${list}`, { body });
    assert.equal(status, mistakes.length === 0 ? 200 : 400, String(mistakes));
    counts[status] = (counts[status] ?? 0) + 1;
  });
  await fc.assert(property, { numRuns: 3000 });
  for (const status of [200, 400]) assert.ok((counts[status] ?? 0) > 300, JSON.stringify(counts));
});

Deno.test("The document's example bodies are accepted without warnings", async () => {
  let sent = 0;
  for (const { method, path, bodies } of operations.values()) {
    for (const [name, { value }] of Object.entries(bodies)) {
      const response = await new TestApp().send(`${method} ${path}`, { body: value });
      assert.deepEqual([response.status, await response.json()], [200, { message: "okay" }], name);
      sent++;
    }
  }
  assert.equal(sent, 4);
});
