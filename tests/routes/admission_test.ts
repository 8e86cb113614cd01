import assert from "node:assert/strict";
import { assertTooMany, statusAndAnswer, TestApp, tokenOf, unreadable } from "./fixture.ts";

const REQUESTS = ["POST /facts", "POST /problems", "DELETE /facts/drush", "DELETE /problems/Shipshape"];

Deno.test("While the broker is not ready, requests get 503 before their body is read", async () => {
  const app = new TestApp();
  app.publisher.ready = false;
  for (const request of REQUESTS) {
    const body = request.startsWith("POST") ? unreadable() : undefined;
    const response = await app.send(request, { body });
    const [status, answer] = await statusAndAnswer(response) as [number, Record<string, string>];
    assert.equal(status, 503);
    assert.equal(answer.status, "service unavailable");
    assert.match(response.headers.get("retry-after")!, /^[1-9][0-9]*$/);
  }
});

Deno.test("The token is checked before the broker's state", async () => {
  const app = new TestApp();
  app.publisher.ready = false;
  assert.equal((await app.send("POST /facts", { authorization: "garbage", body: unreadable() })).status, 401);
});

Deno.test("One environment gets half of the slots, for facts and problems together, and others the rest", async () => {
  const app = new TestApp({ maxInFlight: 4 });
  const confirm = app.holdConfirms();
  const running = [app.send("POST /facts", { body: [] }), app.send("DELETE /problems/Shipshape")];
  await app.untilWaiting(2);
  await assertTooMany(await app.send("POST /problems", { body: unreadable() }));
  for (const namespace of ["second", "third"]) {
    running.push(app.send("DELETE /facts/drush", { authorization: tokenOf(namespace) }));
  }
  await app.untilWaiting(4);
  await assertTooMany(await app.send("DELETE /facts/drush", { authorization: tokenOf("fourth") }));
  assert.match((await app.metrics.render()).text, /requests_in_flight\{server="web"\} 4\n/);
  confirm();
  assert.deepEqual((await Promise.all(running)).map(({ status }) => status), [200, 200, 200, 200]);
  assert.match((await app.metrics.render()).text, /requests_in_flight\{server="web"\} 0\n/);
  assert.equal((await app.send("DELETE /facts/drush")).status, 200);
});

Deno.test("Requests that failed, and those without a token, use no slot", async () => {
  const app = new TestApp({ maxInFlight: 2 });
  for (let round = 0; round < 3; round++) {
    assert.equal((await app.send("POST /facts", { body: "{" })).status, 400);
    app.publisher.confirming = false;
    assert.equal((await app.send("DELETE /facts/drush")).status, 503);
    app.publisher.confirming = true;
  }
  const confirm = app.holdConfirms();
  const running = app.send("DELETE /facts/drush");
  assert.equal((await app.send("DELETE /facts/drush", { authorization: null })).status, 401);
  confirm();
  assert.equal((await running).status, 200);
});
