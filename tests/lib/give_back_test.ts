import assert from "node:assert/strict";
import { giveBack, giveBackPiece } from "../../lib/give_back.ts";

Deno.test("large memory is given back at once, and small memory is left to the garbage collector", () => {
  for (const [size, left] of [[16 * 1024, 0], [16 * 1024 - 1, 16 * 1024 - 1]] as const) {
    const bytes = new Uint8Array(size);
    giveBack(bytes);
    assert.equal(bytes.length, left, `${size} bytes`);
  }
});

Deno.test("a part of large memory gives all of it back", () => {
  const bytes = new Uint8Array(32 * 1024);
  giveBack(bytes.subarray(0, 10));
  assert.equal(bytes.length, 0);
});

Deno.test("a piece that shares its memory with others is left alone", () => {
  const bytes = new Uint8Array(32 * 1024);
  giveBackPiece(bytes.subarray(0, 16 * 1024));
  assert.equal(bytes.length, 32 * 1024);
  giveBackPiece(bytes);
  assert.equal(bytes.length, 0);
});
