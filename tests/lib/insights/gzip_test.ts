import assert from "node:assert/strict";
import { gunzipSync, gzipSync } from "node:zlib";
import { freePiece, gunzip, gzip, isGzip } from "../../../lib/insights/gzip.ts";

async function unpack(...args: Parameters<typeof gunzip>): Promise<string> {
  const pieces = await Array.fromAsync(gunzip(...args));
  return await new Blob(pieces as BlobPart[]).text();
}

Deno.test("isGzip() knows gzip by its first bytes", () => {
  assert.ok(isGzip(gzipSync("")));
  for (const bytes of [[], [0x1f, 0x8b], [0x1f, 0x8b, 7], [0x7b, 0x7d, 8]]) {
    assert.ok(!isGzip(new Uint8Array(bytes)));
  }
});

Deno.test("gunzip() reads every member", async () => {
  assert.equal(await unpack(new Uint8Array([...gzipSync("ab"), ...gzipSync("cd")])), "abcd");
});

Deno.test("gunzip() reads what is there of a stream that is cut off, if that is allowed", async () => {
  const cut = gzipSync("abcd").subarray(0, -8);
  assert.equal(await unpack(cut, { allowCut: true }), "abcd");
  await assert.rejects(unpack(cut));
});

Deno.test("gunzip() leaves no resource open when its reader stops early", async () => {
  for await (const _piece of gunzip(gzipSync("x".repeat(5_000_000)))) break;
});

Deno.test("gzip() packs pieces, and uses none after it has requested the next", async () => {
  async function* pieces() {
    for (let count = 0; count < 200; count++) {
      const piece = new Uint8Array(10_000).fill(count);
      yield piece;
      freePiece(piece);
      assert.equal(piece.length, 0);
    }
  }
  const unpacked = gunzipSync(await gzip(pieces()));
  assert.equal(unpacked.length, 2_000_000);
  assert.ok(unpacked.every((byte, at) => byte === Math.floor(at / 10_000)));
});

Deno.test("gzip() passes on what its source throws, and leaves no resource open", async () => {
  async function* broken() {
    yield new Uint8Array(10);
    throw new Error("broken");
  }
  await assert.rejects(gzip(broken()), { message: "broken" });
});

Deno.test("freePiece() frees a piece that has its memory for itself", () => {
  const bytes = new Uint8Array(100);
  freePiece(bytes.subarray(0, 50));
  assert.equal(bytes.length, 100);
  freePiece(bytes);
  assert.equal(bytes.length, 0);
});
