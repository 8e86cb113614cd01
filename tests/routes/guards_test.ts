import assert from "node:assert/strict";
import { statusAndAnswer, TestApp, unreadable } from "./fixture.ts";

Deno.test("While the broker is not ready, requests are refused before their body is read", async () => {
  const app = new TestApp();
  app.publisher.ready = false;
  for (
    const request of ["POST /facts", "POST /problems", "DELETE /facts/drush", "DELETE /problems/Shipshape"]
  ) {
    const body = request.startsWith("POST") ? unreadable() : undefined;
    const response = await app.send(request, { body });
    const [status, answer] = await statusAndAnswer(response) as [number, Record<string, string>];
    assert.equal(status, 503);
    assert.equal(answer.status, "service unavailable");
    assert.match(response.headers.get("retry-after")!, /^[1-9][0-9]*$/);
  }
});

Deno.test("A wrong token is told before the broker's state", async () => {
  const app = new TestApp();
  app.publisher.ready = false;
  assert.equal((await app.send("POST /facts", { authorization: "garbage", body: unreadable() })).status, 401);
});

/** Requests that wait for the broker's confirm, until they are let go. */
