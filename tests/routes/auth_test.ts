import assert from "node:assert/strict";
import { issueToken } from "../../lib/tokens.ts";
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

Deno.test("A verifier that fails for another reason is a fault of ours, not of the token", async () => {
  const app = new TestApp({}, { verify: () => Promise.reject(new Error("no secret configured")) });
  assert.equal((await app.send("POST /facts", { body: [] })).status, 500);
});
