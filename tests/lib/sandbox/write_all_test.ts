import assert from "node:assert/strict";
import { writeAll } from "../../../lib/sandbox/write_all.ts";

Deno.test("writeAll() repeats until a slow output has taken everything", () => {
  const written: number[] = [];
  const output = {
    writeSync: (bytes: Uint8Array) => {
      written.push(...bytes.subarray(0, 3));
      return Math.min(3, bytes.length);
    },
  };
  writeAll(output, "größer");
  writeAll(output, new Uint8Array([1, 2, 3, 4]));
  assert.deepEqual(
    new Uint8Array(written),
    new Uint8Array([...new TextEncoder().encode("größer"), 1, 2, 3, 4]),
  );
});
