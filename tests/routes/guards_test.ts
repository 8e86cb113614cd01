import assert from "node:assert/strict";
import { statusAndAnswer, TestApp } from "./fixture.ts";

/** A body that fails the test when it is read. */
function unreadable(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull() {
      assert.fail("The body was read");
    },
  }, { highWaterMark: 0 });
}

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

Deno.test("More requests than the limit are refused, of facts and problems together, until one is done", async () => {
  const app = new TestApp({ maxInFlight: 2 });
  const confirm = Promise.withResolvers<void>();
  app.publisher.beforeConfirm = () => confirm.promise;
  const first = [app.send("POST /facts", { body: [] }), app.send("DELETE /problems/Shipshape")];
  const third = await app.send("POST /problems", { body: unreadable() });
  const [status, answer] = await statusAndAnswer(third) as [number, Record<string, string>];
  assert.equal(status, 429);
  assert.equal(answer.status, "too many requests");
  assert.match(third.headers.get("retry-after")!, /^[1-9][0-9]*$/);
  confirm.resolve();
  assert.deepEqual((await Promise.all(first)).map((response) => response.status), [200, 200]);
  assert.equal((await app.send("DELETE /facts/drush")).status, 200);
});

Deno.test("Requests that fail, and those without a token, take no place for longer", async () => {
  const app = new TestApp({ maxInFlight: 1 });
  for (let round = 0; round < 3; round++) {
    assert.equal((await app.send("POST /facts", { body: "{" })).status, 400);
    app.publisher.confirming = false;
    assert.equal((await app.send("DELETE /facts/drush")).status, 503);
    app.publisher.confirming = true;
  }
  const confirm = Promise.withResolvers<void>();
  app.publisher.beforeConfirm = () => confirm.promise;
  const running = app.send("DELETE /facts/drush");
  assert.equal((await app.send("DELETE /facts/drush", { authorization: null })).status, 401);
  confirm.resolve();
  assert.equal((await running).status, 200);
});
