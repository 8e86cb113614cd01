import { Hono } from "hono";
import assert from "node:assert/strict";
import type { Answer } from "../../lib/http/adapter.ts";
import type { AppEnv } from "../../routes/deps.ts";
import { answerShared } from "../../routes/shared_answer.ts";

const BODY = new TextEncoder().encode('{"message":"okay"}');
const app = new Hono<AppEnv>();
app.use((c, next) => {
  c.set("requestId", "id-1");
  return next();
});
app.get("/", (c) => answerShared(c, BODY));

Deno.test("With a server, it is handed the whole answer: the very bytes, and no copy of them", async () => {
  const answers: Answer[] = [];
  const answer = (given: Answer) => void answers.push(given);
  const response = await app.request("/", {}, { body: undefined, answer });
  assert.equal(response.status, 200);
  assert.equal(response.body, null);
  assert.deepEqual(answers, [{
    status: 200,
    headers: ["Content-Type", "application/json", "X-Request-Id", "id-1"],
    body: BODY,
  }]);
  assert.equal(answers[0]?.body, BODY);
});

Deno.test("Without a server, the answer has the bytes itself", async () => {
  const response = await app.request("/");
  assert.deepEqual([response.status, await response.json()], [200, { message: "okay" }]);
  assert.equal(response.headers.get("content-type"), "application/json");
});
