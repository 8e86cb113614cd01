import assert from "node:assert/strict";
import { AppError } from "../../lib/errors.ts";
import { BodyError } from "../../lib/insights/errors.ts";
import * as body from "../../routes/body.ts";

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

/** The whole body, in the parts in which it was handed on. */
async function readParts(request: Request, maxBytes: number): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  await body.readBody(request, maxBytes, (chunk) => void parts.push(chunk));
  return parts;
}

function code(expected: string): (error: unknown) => boolean {
  return (error) => error instanceof AppError && error.code === expected;
}

Deno.test("readBody() hands on each part as it comes, and nothing of a request without a body", async () => {
  const { stream } = chunked(new Uint8Array([1, 2]), 3);
  assert.deepEqual(await readParts(post(stream), 6), Array(3).fill(new Uint8Array([1, 2])));
  assert.deepEqual(await readParts(post(null), 6), []);
});

Deno.test("readBody() reads no more when its reader wants no more", async () => {
  const source = chunked(new Uint8Array(1), Infinity);
  const enough = new Error("enough");
  await assert.rejects(
    body.readBody(post(source.stream), 100, () => {
      throw enough;
    }),
    enough,
  );
  assert.equal(source.pulled, 1);
  assert(source.cancelled);
});

Deno.test("readBody() takes exactly the limit, and refuses one byte more", async () => {
  assert.equal((await readParts(post("x".repeat(10)), 10)).length, 1);
  await assert.rejects(readParts(post("x".repeat(11)), 10), code("body-too-large"));
});

Deno.test("readBody() believes a declared length above the limit without reading anything", async () => {
  const source = chunked(new Uint8Array(1), 1);
  await assert.rejects(
    readParts(post(source.stream, { "content-length": "11" }), 10),
    code("body-too-large"),
  );
  assert.equal(source.pulled, 0);
});

Deno.test("readBody() stops an endless body at the limit, whatever length it declared", async () => {
  for (const headers of [{}, { "content-length": "3" }, { "content-length": "many" }]) {
    const source = chunked(new Uint8Array(4).fill(0x20), Infinity);
    await assert.rejects(
      readParts(post(source.stream, headers as Record<string, string>), 10),
      code("body-too-large"),
    );
    assert.equal(source.pulled, 3);
    assert(source.cancelled);
  }
});

Deno.test("readBody() tells a client that went away from a fault of ours", async () => {
  const { stream } = chunked(new Uint8Array([0x20]), 2, new TypeError("connection reset"));
  await assert.rejects(
    readParts(post(stream), 10),
    (error) => error instanceof BodyError && error.code === "body-incomplete",
  );
});
