import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { statusAndAnswer, TestApp, unreadable } from "./fixture.ts";

const LARGE = JSON.stringify([{ name: "n", description: "x".repeat(100_000) }]);
const LIMITS = { maxBodyBytes: 10_000_000 };

Deno.test("A body packed with gzip arrives, small or large, in pieces of any size", async () => {
  for (const count of [1, 40, 3000]) {
    const text = JSON.stringify(
      Array.from({ length: count }, (_, index) => ({ name: `n${index}`, value: "é".repeat(20) })),
    );
    for (const size of [7, 1000, 1_000_000]) {
      const app = new TestApp({ ...LIMITS, maxItems: 3000 });
      const packed = gzipSync(text);
      const pieces = Array.from(
        { length: Math.ceil(packed.length / size) },
        (_, index) => new Uint8Array(packed.subarray(index * size, (index + 1) * size)),
      );
      const headers = { "content-encoding": count === 1 ? "GZIP" : "gzip" };
      assert.equal(
        (await app.send("POST /facts", { body: ReadableStream.from(pieces), headers })).status,
        200,
      );
      assert.equal((app.publisher.bodies[0]!.facts as unknown[]).length, count);
    }
  }
});

Deno.test("Limits apply to what gzip unpacks to, and no more than that is unpacked", async () => {
  const body = gzipSync("[" + " ".repeat(64_000_000));
  assert.ok(body.length < 65_536);
  const app = new TestApp({ ...LIMITS, maxLargeBodies: 1 });
  const started = performance.now();
  const headers = { "content-encoding": "gzip" };
  assert.equal((await app.send("POST /facts", { body: new Uint8Array(body), headers })).status, 413);
  assert.ok(performance.now() - started < 10_000);
  // Its place is free again.
  assert.equal((await app.send("POST /facts", { body: LARGE })).status, 200);
});

Deno.test("Gzip that is cut or damaged gets 400, and other encodings get 415 before the body is read", async () => {
  const packed = new Uint8Array(gzipSync(JSON.stringify([{ name: "n", value: "v".repeat(100) }])));
  for (const body of [packed.slice(0, -9), packed.slice(1), new Uint8Array()]) {
    const app = new TestApp();
    const [status, answer] = await statusAndAnswer(
      await app.send("POST /facts", { body, headers: { "content-encoding": "gzip" } }),
    );
    assert.deepEqual([status, app.publisher.messages.length], [400, 0], JSON.stringify(answer));
  }
  for (const encoding of ["br", "deflate", "gzip, gzip"]) {
    const response = await new TestApp().send("POST /facts", {
      body: unreadable(),
      headers: { "content-encoding": encoding },
    });
    assert.equal(response.headers.get("accept-encoding"), "gzip");
    assert.deepEqual(await statusAndAnswer(response), [415, {
      status: "unsupported media type",
      message: "The header Content-Encoding must be gzip, or absent",
    }]);
  }
  const plain = { body: [], headers: { "content-encoding": "identity" } };
  assert.equal((await new TestApp().send("POST /facts", plain)).status, 200);
});
