import { Hono } from "hono";
import assert from "node:assert/strict";
import type { AppEnv } from "../../routes/deps.ts";
import { answerShared } from "../../routes/shared_answer.ts";

const BODY = new TextEncoder().encode('{"message":"okay"}');
const app = new Hono<AppEnv>().get("/", (c) => answerShared(c, BODY));

Deno.test("With a server, the very bytes follow the head, and no copy of them", async () => {
  const shared: Uint8Array[] = [];
  const response = await app.request("/", {}, { body: undefined, share: (body) => void shared.push(body) });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(response.body, null);
  assert.deepEqual(shared.map((body) => body === BODY), [true]);
});

Deno.test("Without a server, the answer has the bytes itself", async () => {
  const response = await app.request("/");
  assert.deepEqual([response.status, await response.json()], [200, { message: "okay" }]);
});
