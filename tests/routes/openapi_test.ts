/** The description of the HTTP API: it is given out to everybody, follows its own standard, and tells the truth. */
import assert from "node:assert/strict";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import fc from "fast-check";
import { systemClock } from "../../lib/clock.ts";
import { type Operation, readDescription } from "../fixtures/openapi.ts";
import { startServerWith } from "../lib/http/fixture.ts";
import { documentUrl, openApiText } from "../tools/docs.ts";
import { FAILURES, type OperationId, OPERATIONS } from "../tools/openapi/failures.ts";
import { anyJson, nearlyValid } from "./bodies.ts";
import { DONE, type Failed, SCENARIOS } from "./failures.ts";
import { TestApp } from "./fixture.ts";

const description = await readDescription();
const operations = new Map(description.operations.map((operation) => [operation.operationId, operation]));

Deno.test("docs/openapi.json is what the schemas and tables say (`deno task docs` writes it again)", async () => {
  const isInStep = await Deno.readTextFile(documentUrl("openapi.json")) === openApiText();
  assert.ok(isInStep, "docs/openapi.json is out of date: run `deno task docs`");
});

Deno.test("GET /openapi.json needs no token and no broker, and takes no place among the requests in hand", async () => {
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

Deno.test("The server gives out the same bytes to everybody, and only the head for HEAD", async () => {
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

Deno.test("Other methods of /openapi.json are answered with 405", async () => {
  const response = await new TestApp().send("POST /openapi.json", { authorization: null });
  assert.deepEqual([response.status, response.headers.get("allow")], [405, "GET, HEAD"]);
});

async function lint(document: unknown): Promise<string[]> {
  const config = await createConfig({
    extends: ["recommended-strict"],
    // This repository has no license file to name.
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

Deno.test("The document is valid OpenAPI 3.1 for Redocly's strictest rules", async () => {
  assert.deepEqual(await lint(description.document), []);
  // The linter sees mistakes of structure, of examples, and of names that lead nowhere.
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

/** Holds an answer to what the document says of it. */
function assertDocumented({ responses, operationId }: Operation, { status, headers, body }: Failed): void {
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

Deno.test("Every operation is one of the document, and every failure that can be brought about is documented", () => {
  assert.deepEqual([...operations.keys()].sort(), [...OPERATIONS].sort());
  assert.deepEqual(Object.keys(SCENARIOS).sort(), Object.keys(FAILURES).sort());
  for (const { operationId, responses } of operations.values()) {
    const codes = Object.values(FAILURES).filter(({ of }) => of.includes(operationId as OperationId))
      .map(({ code }) => String(code));
    assert.deepEqual(Object.keys(responses).sort(), [...new Set(["200", ...codes])].sort(), operationId);
  }
});

for (const [name, { of, code, status, message }] of Object.entries(FAILURES)) {
  Deno.test(`Failure ${name} is answered as it is documented`, async () => {
    const scenario = SCENARIOS[name];
    assert.ok(scenario, `${name} has no scenario`);
    for (const operationId of of) {
      const failed = await scenario(operationId);
      assert.deepEqual([failed.status, failed.body], [code, { status, message }], operationId);
      assertDocumented(operations.get(operationId)!, failed);
    }
  });
}

Deno.test("What an operation does is answered with 200 as it is documented, with and without warnings", async () => {
  for (const [operationId, operation] of operations) {
    assertDocumented(operation, await DONE(operationId as OperationId));
  }
  for (const body of [[{ identifier: "i" }], Array(60).fill({ identifier: "i" })]) {
    const response = await new TestApp().send("POST /problems", { body });
    const answer = await response.json();
    assert.ok(answer.warnings.length > 0);
    const { status, headers } = response;
    assertDocumented(operations.get("postProblems")!, { status, headers, body: answer });
  }
});

/** Errors that no client gets to see: it has gone, the program doesn't start, or the text is one of the others. */
const UNSEEN = [
  "body-incomplete",
  "client-gone",
  "cannot-listen",
  "certificate",
  "broker-not-ready",
];

/** Answers of another server, which this document is not about. */
const OF_METRICS = "metrics.ts";

Deno.test("Every error of routes, bodies and tokens is among the documented failures", async () => {
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

Deno.test("Every status in the code of routes and server is documented", async () => {
  const known = new Set(Object.values(FAILURES).map(({ code }) => code));
  const named = new Set<number>();
  for await (const text of sources(["routes", "lib/http"])) {
    for (const [, code] of text.matchAll(/(?:code: |failureAnswer\()([45]\d\d)/g)) named.add(Number(code));
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

/** Only what is a value: a text can have a field twice, which no schema sees. */
function withoutRepeatedFields(body: string): string {
  return JSON.stringify(JSON.parse(body));
}

Deno.test("What the document's schemas accept is taken, and what they refuse is answered with 400", async () => {
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

Deno.test("The document's examples of bodies are taken, and need no repair", async () => {
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
