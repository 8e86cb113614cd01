import assert from "node:assert/strict";
import { inspect } from "node:util";
import { issueToken } from "../../lib/tokens.ts";
import { tokenAttacks } from "../fixtures/token_attacks.ts";
import { ENVIRONMENT, SECRET, statusAndAnswer, TestApp, TOKEN } from "./fixture.ts";

Deno.test("A token is taken alone and after Bearer, in any case", async () => {
  const app = new TestApp();
  for (const authorization of [TOKEN, `Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER   ${TOKEN}`]) {
    assert.equal((await app.send("DELETE /facts/drush", { authorization })).status, 200, authorization);
  }
  assert.equal(app.publisher.messages.length, 4);
});

Deno.test("Without a valid token nothing is published, and the answer says why", async () => {
  const foreign = issueToken("another secret", ENVIRONMENT);
  const cases: [string | null, RegExp][] = [
    [null, /must hold a token/],
    ["", /must hold a token/],
    ["Bearer", /must hold a token/],
    ["Bearer ", /must hold a token/],
    ["garbage", /must hold a JSON Web Token/],
    [`Basic ${TOKEN}`, /must hold a JSON Web Token/],
    [`Bearer Bearer ${TOKEN}`, /must hold a JSON Web Token/],
    [foreign, /not signed with this cluster's secret/],
  ];
  for (
    const request of [
      "POST /facts",
      "DELETE /facts/drush",
      "POST /problems",
      "DELETE /problems/Shipshape/cli",
    ]
  ) {
    for (const [authorization, message] of cases) {
      const app = new TestApp();
      const body = request.startsWith("POST") ? [] : undefined;
      const response = await app.send(request, { authorization, body });
      const [status, answer] = await statusAndAnswer(response) as [number, Record<string, string>];
      assert.equal(status, 401, `${request} ${authorization}`);
      assert.deepEqual(Object.keys(answer), ["status", "message"]);
      assert.equal(answer.status, "unauthorized");
      assert.match(answer.message!, message);
      assert.equal(response.headers.get("www-authenticate"), "Bearer");
      assert.deepEqual(app.publisher.messages, []);
    }
  }
});

Deno.test("A refused token stands neither in the answer nor in the log", async () => {
  const app = new TestApp();
  const foreign = issueToken("another secret", { ...ENVIRONMENT, namespace: "tenant-main" });
  const answer = await (await app.send("POST /facts", { authorization: foreign, body: [] })).text();
  const told = answer + JSON.stringify(app.log.lines);
  for (const part of [SECRET, "tenant-main", ...foreign.split(".")]) assert(!told.includes(part), part);
  assert.equal(app.log.lines[0]?.fields.code, "token-signature");
});

const NOW = new TestApp().clock.now() / 1000;

/** Whether a header can hold it, and holds it as it is. */
function isHeaderValue(text: string): boolean {
  return /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text);
}

for (const [code, tokens] of Object.entries(tokenAttacks({ secret: SECRET, now: NOW }))) {
  Deno.test(`What is refused as ${code} gets 401 and one sentence, and leaves nothing in the log`, async () => {
    for (const [name, token] of Object.entries(tokens).filter(([, token]) => isHeaderValue(token))) {
      for (const authorization of [token, `Bearer ${token}`]) {
        const app = new TestApp();
        const response = await app.send("POST /facts", { authorization, body: [] });
        const [status, answer] = await statusAndAnswer(response) as [number, Record<string, string>];
        assert.equal(status, 401, name);
        assert.deepEqual(Object.keys(answer), ["status", "message"], name);
        assert.equal(answer.status, "unauthorized", name);
        assert.match(answer.message!, /^The (token|Authorization header) [^.\n]{1,60}$/, name);
        assert.deepEqual(app.log.lines.map(({ fields }) => fields.code), [code], name);
        const told = inspect([answer, [...response.headers], app.log.lines], { depth: 10 });
        for (const word of [SECRET, "victim", "proj-main", ...token.split(/[.\s,]+/), ".ts:", "Error"]) {
          assert(word !== ".ts:" && word.length < 5 || !told.includes(word), `${name}: ${told}`);
        }
        assert.deepEqual(app.publisher.messages, [], name);
      }
    }
  });
}

Deno.test("A megabyte of Authorization is refused, whatever it is made of", async () => {
  const size = 1_000_000;
  const cases = ["a".repeat(size), `Bearer ${"a".repeat(size)}`, `Bearer${" ".repeat(size)}a.b.c`];
  cases.push(".".repeat(size), "Bearer ".repeat(size / 7), TOKEN.repeat(size / TOKEN.length));
  for (const authorization of cases) {
    const app = new TestApp();
    const response = await app.send("POST /facts", { authorization, body: [] });
    assert.deepEqual(await statusAndAnswer(response), [401, {
      status: "unauthorized",
      message: "The Authorization header must hold a JSON Web Token",
    }]);
    assert(inspect(app.log.lines, { depth: 10, maxStringLength: null }).length < 1000);
  }
});

Deno.test("A verifier that fails for another reason is a fault of ours, not of the token", async () => {
  const verify = () => {
    throw new Error("no secret configured");
  };
  const app = new TestApp({}, { verify });
  assert.equal((await app.send("POST /facts", { body: [] })).status, 500);
});
