import assert from "node:assert/strict";
import { turn } from "../fixtures/clock.ts";
import { TestApp } from "./fixture.ts";

Deno.test("A request is answered only after the broker has confirmed its message", async () => {
  const app = new TestApp();
  const confirm = Promise.withResolvers<void>();
  app.publisher.beforeConfirm = () => confirm.promise;
  let answered = false;
  const response = app.send("POST /facts", { body: [] }).finally(() => answered = true);
  for (let round = 0; round < 5; round++) await turn();
  assert.equal(answered, false);
  confirm.resolve();
  assert.equal((await response).status, 200);
});

Deno.test("A message that is not confirmed is answered with 503, and when to try again", async () => {
  const app = new TestApp();
  app.publisher.confirming = false;
  for (const request of ["DELETE /facts/drush", "DELETE /problems/Shipshape"]) {
    const response = await app.send(request);
    assert.equal(response.status, 503);
    assert.match(response.headers.get("retry-after")!, /^[1-9][0-9]*$/);
    assert.match(await response.text(), /^\{"status":"service unavailable","message":/);
  }
});

Deno.test("Nothing is left behind by a delivery: no timer, and one line for those who debug", async () => {
  const app = new TestApp();
  await app.send("POST /problems", { body: [{ identifier: "CVE-1", data: "tenant's data" }] });
  assert.equal(app.clock.pending, 0);
  const [line, ...others] = app.log.lines;
  assert.deepEqual([line?.level, line?.message], ["debug", "Request answered"]);
  const { request, type, bytes, warnings } = line!.fields;
  assert.deepEqual({ request, type, warnings }, {
    request: "request-1",
    type: "direct.problems",
    warnings: 2,
  });
  assert.equal(bytes, app.publisher.messages[0]!.body.length);
  assert.deepEqual(others, []);
  assert(!JSON.stringify(app.log.lines).includes("tenant"));
});

Deno.test("Requests that follow one another are published in their order, each with an id of its own", async () => {
  const app = new TestApp();
  await app.send("DELETE /facts/drush");
  await app.send("POST /facts", { body: [{ name: "a", source: "drush" }] });
  assert.deepEqual(app.publisher.bodies.map(({ type }) => type), ["direct.delete.facts", "direct.facts"]);
  assert.deepEqual(app.publisher.messages.map(({ id }) => id), ["request-1", "request-2"]);
});
