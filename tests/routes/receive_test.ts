import assert from "node:assert/strict";
import { systemClock } from "../../lib/clock.ts";
import { turn } from "../fixtures/clock.ts";
import { assertTooMany, statusAndAnswer, TestApp, tokenOf, unreadable } from "./fixture.ts";

const LARGE = JSON.stringify([{ name: "n", description: "x".repeat(100_000) }]);
const LIMITS = { maxBodyBytes: 10_000_000 };

/** A body that a test sends piece by piece. */
class Body {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor() {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.stream = readable;
    this.#writer = writable.getWriter();
  }

  async write(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(text));
    await turn();
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  /** As when the client goes away. */
  fail(): Promise<void> {
    return this.#writer.abort(new TypeError("connection reset"));
  }
}

/** A body that never ends, and counts what was read of it. */
function endless(bytes: number) {
  const body = {
    pulled: 0,
    stream: new ReadableStream<Uint8Array>({
      pull(controller) {
        body.pulled++;
        controller.enqueue(new Uint8Array(bytes).fill(0x20));
      },
    }, { highWaterMark: 0 }),
  };
  return body;
}

Deno.test("A body may have exactly the limit, and one more byte gets 413", async () => {
  for (const [bytes, expected] of [[1000, 200], [1001, 413]] as const) {
    const app = new TestApp({ maxBodyBytes: 1000 });
    const body = "[]".padEnd(bytes);
    for (const sent of [body, new Response(body).body]) {
      assert.equal((await app.send("POST /facts", { body: sent })).status, expected, `${bytes} bytes`);
    }
  }
});

Deno.test("A declared length above the limit gets 413 before anything is read", async () => {
  const app = new TestApp({ maxBodyBytes: 1000 });
  const headers = { "content-length": "1001" };
  assert.equal((await app.send("POST /facts", { body: unreadable(), headers })).status, 413);
});

Deno.test("An endless body is read up to the limit, whatever length it declares", async () => {
  for (const headers of [{}, { "content-length": "3" }, { "content-length": "many" }]) {
    const app = new TestApp({ maxBodyBytes: 1000 });
    const body = endless(400);
    const response = await app.send("POST /facts", {
      body: body.stream,
      headers: headers as Record<string, string>,
    });
    assert.deepEqual([response.status, body.pulled], [413, 3]);
  }
});

Deno.test("A large body that can't become a message is not read further", async () => {
  const app = new TestApp(LIMITS);
  const body = new Body();
  const response = app.send("POST /facts", { body: body.stream });
  await body.write(`[nonsense,${" ".repeat(70_000)}`);
  assert.equal((await response).status, 400);
});

Deno.test("A client that goes away is no fault of ours", async () => {
  for (const sent of ["[", `[${" ".repeat(70_000)}`]) {
    const app = new TestApp(LIMITS);
    const body = new Body();
    const response = app.send("POST /facts", { body: body.stream });
    await body.write(sent);
    await body.fail();
    assert.equal((await response).status, 400);
    assert.deepEqual(app.log.lines.map(({ level, fields }) => [level, fields.code]), [
      ["debug", "body-incomplete"],
    ]);
    assert.equal(app.clock.pending, 0);
  }
});

Deno.test("A body arrives whole in pieces of any size", async () => {
  const text = JSON.stringify(
    Array.from({ length: 2000 }, (_, index) => ({ name: `n${index}`, value: "é" })),
  );
  const bytes = new TextEncoder().encode(text);
  for (const size of [7, 1000, 65_536, 65_537, bytes.length]) {
    const app = new TestApp({ ...LIMITS, maxItems: 2000 });
    const pieces = Array.from(
      { length: Math.ceil(bytes.length / size) },
      (_, index) => bytes.slice(index * size, (index + 1) * size),
    );
    assert.equal((await app.send("POST /facts", { body: ReadableStream.from(pieces) })).status, 200);
    const facts = app.publisher.bodies[0]!.facts as { name: string; value: string }[];
    assert.deepEqual(facts.map(({ name, value }) => name + value), facts.map((_, index) => `n${index}é`));
    assert.equal(facts.length, 2000);
  }
});

Deno.test("Large bodies are received one at a time, and 429 comes after the configured wait", async () => {
  const app = new TestApp({ ...LIMITS, maxLargeBodies: 1, largeBodyWaitMs: 2000 });
  const first = new Body();
  const answer = app.send("POST /facts", { body: first.stream });
  await first.write("[".padEnd(70_000));
  const authorization = tokenOf("second");
  const second = app.send("POST /facts", { body: LARGE, authorization });
  // The pace of the first, and the wait of the second.
  await app.untilTimers(2);
  // Enough for the first to be fast enough.
  for (let sent = 0; sent < 4; sent++) await first.write(" ".repeat(2_000_000));
  await app.clock.advance(1999);
  assert.equal((await app.send("POST /facts", { body: [], authorization })).status, 200);
  await app.clock.advance(1);
  await assertTooMany(await second);
  await first.write(LARGE.slice(1));
  await first.close();
  assert.equal((await answer).status, 200);
  assert.equal(app.clock.pending, 0);
});

Deno.test("A large body that waits is received once the one before it is confirmed", async () => {
  const app = new TestApp({ ...LIMITS, maxLargeBodies: 1 });
  const confirm = app.holdConfirms();
  const first = app.send("POST /facts", { body: LARGE });
  await app.untilWaiting(1);
  const second = app.send("POST /facts", { body: LARGE, authorization: tokenOf("second") });
  await app.untilTimers(1);
  assert.equal(app.publisher.waiting, 1);
  confirm();
  assert.deepEqual([(await first).status, (await second).status], [200, 200]);
});

Deno.test("One environment's large bodies wait for each other, and not those of others for them", async () => {
  const app = new TestApp({ ...LIMITS, maxLargeBodies: 2 });
  const body = new Body();
  const first = app.send("POST /facts", { body: body.stream });
  await body.write(LARGE.slice(0, 70_000));
  const second = app.send("POST /facts", { body: LARGE });
  await app.untilTimers(2);
  assert.equal((await app.send("POST /facts", { body: LARGE, authorization: tokenOf("other") })).status, 200);
  assert.equal(app.publisher.messages.length, 1);
  await body.write(LARGE.slice(70_000));
  await body.close();
  assert.deepEqual([(await first).status, (await second).status], [200, 200]);
});

Deno.test("A large body that arrives too slowly gets 408, and the next one is received", async () => {
  for (const bytesPerSecond of [0, 100_000]) {
    const app = new TestApp({ ...LIMITS, maxLargeBodies: 1 });
    const slow = new Body();
    const first = app.send("POST /facts", { body: slow.stream });
    await slow.write(`[${" ".repeat(70_000)}`);
    const second = app.send("POST /facts", { body: LARGE });
    await app.untilTimers(2);
    for (let second = 0; second < 3; second++) {
      if (bytesPerSecond > 0) await slow.write(" ".repeat(bytesPerSecond));
      await app.clock.advance(1000);
    }
    assert.deepEqual(await statusAndAnswer(await first), [408, {
      status: "request timeout",
      message: "A body above 65536 bytes must arrive with at least 262144 bytes per second",
    }]);
    assert.equal((await second).status, 200);
  }
});

Deno.test("A large body that arrives below 4 MiB/s gets 429 once another environment waits for its place", async () => {
  const app = new TestApp({ ...LIMITS, maxLargeBodies: 1 });
  const slow = new Body();
  const first = app.send("POST /facts", { body: slow.stream });
  await slow.write(`[${" ".repeat(70_000)}`);
  for (let second = 0; second < 4; second++) {
    await slow.write(" ".repeat(300_000));
    await app.clock.advance(1000);
  }
  assert.equal(app.publisher.messages.length, 0);
  const second = app.send("POST /facts", { body: LARGE, authorization: tokenOf("second") });
  await app.untilTimers(2);
  await app.clock.advance(250);
  await assertTooMany(await first);
  assert.equal((await second).status, 200);
});

Deno.test("Bodies above 4 KiB are parsed one at a time, those of different environments in turns", async () => {
  const app = new TestApp({ maxBodyBytes: 100_000, maxInFlight: 256 }, { clock: systemClock });
  const medium = JSON.stringify([{ name: "n", description: "x".repeat(50_000) }]);
  const answered: string[] = [];
  const send = async (name: string, body: unknown) => {
    await app.send("POST /facts", { body, authorization: tokenOf(name) });
    answered.push(name);
  };
  const names = ["busy", "busy", "busy", "busy", "other"];
  await Promise.all([...names.map((name) => send(name, medium)), send("small", [])]);
  assert.deepEqual(answered, ["small", "busy", "other", "busy", "busy", "busy"]);
});

Deno.test("Large bodies that were announced or begun, but have not arrived, delay and reject no other post", async () => {
  const app = new TestApp({ maxBodyBytes: 16_000_000, maxInFlight: 256, maxLargeBodies: 1 });
  app.publisher.beforeConfirm = turn;
  const begun = [10_400_000, 6_200_000].map((length, index) => {
    const body = new Body();
    const headers = { "content-length": String(length) };
    void app.send("POST /facts", { body: body.stream, authorization: tokenOf(`hostile-${index}`), headers });
    return body;
  });
  for (const body of begun) await body.write("[".padEnd(250));
  const post = (index: number) => {
    const body = JSON.stringify([{ name: "n", description: "x".repeat(index % 2 === 0 ? 100_000 : 5000) }]);
    const headers = { "content-length": String(body.length) };
    return app.send("POST /facts", { body, authorization: tokenOf(`site-${index % 50}`), headers });
  };
  const statuses: number[] = [];
  // As many at a time as fifty sites send: half of the bodies are large.
  for (let index = 0; index < 131; index += 50) {
    const posts = Array.from({ length: Math.min(50, 131 - index) }, (_, offset) => post(index + offset));
    statuses.push(...(await Promise.all(posts)).map(({ status }) => status));
  }
  assert.deepEqual(statuses, Array(131).fill(200));
});
