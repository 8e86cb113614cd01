import assert from "node:assert/strict";
import { AppError } from "../../lib/errors.ts";
import { BodyError } from "../../lib/insights/schemas.ts";
import { readBody } from "../../routes/body.ts";

interface Source {
  readonly stream: ReadableStream<Uint8Array>;
  pulled: number;
  cancelled: boolean;
}

/** A body that comes in chunks, without a length known before. */
function chunked(chunk: Uint8Array, count: number, failure?: Error): Source {
  const source: Source = {
    pulled: 0,
    cancelled: false,
    stream: new ReadableStream({
      pull(controller) {
        if (source.pulled++ < count) return controller.enqueue(chunk);
        if (failure) return controller.error(failure);
        controller.close();
      },
      cancel() {
        source.cancelled = true;
      },
    }, { highWaterMark: 0 }),
  };
  return source;
}

function post(body: BodyInit | null, headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/facts", { method: "POST", body, headers });
}

function code(expected: string): (error: unknown) => boolean {
  return (error) => error instanceof AppError && error.code === expected;
}

Deno.test("readBody() reads text of any chunking, and none", async () => {
  const bytes = new TextEncoder().encode("é😀");
  for (const size of [1, 2, 3, 5, 6]) {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
    assert.equal(await readBody(post(stream), 6), "é😀");
  }
  assert.equal(await readBody(post(null), 6), "");
});

Deno.test("readBody() leaves out a byte order mark", async () => {
  assert.equal(await readBody(post(new Uint8Array([0xef, 0xbb, 0xbf, 0x5b, 0x5d])), 10), "[]");
});

Deno.test("readBody() refuses what is not UTF-8, also when it ends within a character", async () => {
  for (const bytes of [[0xff], [0x22, 0xc3, 0x28], [0xf0, 0x9f, 0x98], [0xed, 0xa0, 0x80]]) {
    await assert.rejects(readBody(post(new Uint8Array(bytes)), 10), code("body-encoding"));
  }
});

Deno.test("readBody() takes exactly the limit, and refuses one byte more", async () => {
  assert.equal(await readBody(post("x".repeat(10)), 10), "x".repeat(10));
  await assert.rejects(readBody(post("x".repeat(11)), 10), code("body-too-large"));
});

Deno.test("readBody() believes a declared length above the limit without reading anything", async () => {
  const source = chunked(new Uint8Array(1), 1);
  await assert.rejects(readBody(post(source.stream, { "content-length": "11" }), 10), code("body-too-large"));
  assert.equal(source.pulled, 0);
});

Deno.test("readBody() stops an endless body at the limit, whatever length it declared", async () => {
  for (const headers of [{}, { "content-length": "3" }, { "content-length": "many" }]) {
    const source = chunked(new Uint8Array(4).fill(0x20), Infinity);
    await assert.rejects(
      readBody(post(source.stream, headers as Record<string, string>), 10),
      code("body-too-large"),
    );
    assert.equal(source.pulled, 3);
    assert(source.cancelled);
  }
});

Deno.test("readBody() tells a client that went away from a fault of ours", async () => {
  const { stream } = chunked(new Uint8Array([0x20]), 2, new TypeError("connection reset"));
  await assert.rejects(
    readBody(post(stream), 10),
    (error) => error instanceof BodyError && error.code === "body-incomplete",
  );
});
