import assert from "node:assert/strict";
import { statusAndAnswer, TestApp, tokenOf, unreadable } from "./fixture.ts";

function holdConfirms(app: TestApp): () => void {
  const confirm = Promise.withResolvers<void>();
  app.publisher.beforeConfirm = () => confirm.promise;
  return confirm.resolve;
}

async function assertTooMany(response: Response): Promise<void> {
  const [status, answer] = await statusAndAnswer(response) as [number, Record<string, string>];
  assert.equal(status, 429);
  assert.deepEqual(Object.keys(answer), ["status", "message"]);
  assert.equal(answer.status, "too many requests");
  assert.match(response.headers.get("retry-after")!, /^[1-9][0-9]*$/);
}

Deno.test("One environment gets half of the places, of facts and problems together, and the others the rest", async () => {
  const app = new TestApp({ maxInFlight: 4 });
  const letGo = holdConfirms(app);
  const running = [app.send("POST /facts", { body: [] }), app.send("DELETE /problems/Shipshape")];
  // Each has its place when it waits for the confirm.
  await app.untilWaiting(2);
  await assertTooMany(await app.send("POST /problems", { body: unreadable() }));
  for (const namespace of ["second", "third"]) {
    running.push(app.send("DELETE /facts/drush", { authorization: tokenOf(namespace) }));
  }
  await app.untilWaiting(4);
  await assertTooMany(await app.send("DELETE /facts/drush", { authorization: tokenOf("fourth") }));
  letGo();
  assert.deepEqual((await Promise.all(running)).map(({ status }) => status), [200, 200, 200, 200]);
  assert.equal((await app.send("DELETE /facts/drush")).status, 200);
});

Deno.test("Bodies are refused while others fill the memory, and none is held when all are answered", async () => {
  const app = new TestApp({ maxBodyBytes: 8000, maxBufferedBytes: 12_000 });
  const letGo = holdConfirms(app);
  const body = [{ name: "n", description: "x".repeat(5000) }];
  const first = app.send("POST /facts", { body });
  // Its message has been published when it waits for the confirm.
  await app.untilWaiting(1);
  assert.match((await app.metrics.render()).text, /request_bytes\{server="web"\} 5[0-9]{3}\n/);
  await assertTooMany(await app.send("POST /facts", { body, authorization: tokenOf("second") }));
  const small = app.send("POST /facts", { body: [{ name: "n" }], authorization: tokenOf("second") });
  letGo();
  assert.deepEqual([(await first).status, (await small).status], [200, 200]);
  assert.match((await app.metrics.render()).text, /request_bytes\{server="web"\} 0\n/);
  assert.match((await app.metrics.render()).text, /requests_in_flight\{server="web"\} 0\n/);
});

Deno.test("A message that is larger than its body counts with its own size", async () => {
  const app = new TestApp({ maxBodyBytes: 10_000, maxBufferedBytes: 10_000 });
  // Twelve bytes each, and more than a hundred in the message.
  const body = `[${Array.from({ length: 200 }, (_, index) => `{"name":"${index}"}`).join(",")}]`;
  const [status, answer] = await statusAndAnswer(await app.send("POST /facts", { body }));
  assert.equal(status, 413);
  assert.deepEqual(answer, {
    status: "payload too large",
    message: "The request needs more than 8000 bytes of memory: send the items in several requests",
  });
  assert.deepEqual(app.publisher.messages, []);
});

Deno.test("A body whose length is told is refused before it is read while there is no room for all of it", async () => {
  const app = new TestApp({ maxBodyBytes: 12_000, maxBufferedBytes: 16_000 });
  const letGo = holdConfirms(app);
  const first = app.send("POST /facts", { body: [{ name: "n", description: "x".repeat(5000) }] });
  await app.untilWaiting(1);
  const authorization = tokenOf("second");
  const headers = { "content-length": "11000" };
  await assertTooMany(await app.send("POST /facts", { body: unreadable(), authorization, headers }));
  letGo();
  assert.equal((await first).status, 200);
});

Deno.test("Requests that fail, and those without a token, take no place for longer", async () => {
  const app = new TestApp({ maxInFlight: 2 });
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

Deno.test("A large body waits for as long as the operator says while as many as the operator says are received", async () => {
  const limits = { maxBodyBytes: 200_000, maxLargeBodies: 1, largeBodyWaitMs: 2000 };
  const app = new TestApp(limits);
  const large = JSON.stringify([{ name: "n", description: "x".repeat(100_000) }]);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  // A token that was verified before takes no time.
  await app.send("DELETE /facts/drush");
  const first = app.send("POST /facts", { body: readable });
  await writer.write(new TextEncoder().encode(large.slice(0, 70_000)));
  const authorization = tokenOf("second");
  const second = app.send("POST /facts", { body: large, authorization });
  await app.untilQueued(1);
  await app.clock.advance(1999);
  const third = app.send("POST /facts", { body: [], authorization });
  assert.equal((await third).status, 200);
  await app.clock.advance(1);
  await assertTooMany(await second);
  await writer.write(new TextEncoder().encode(large.slice(70_000)));
  await writer.close();
  assert.equal((await first).status, 200);
});
