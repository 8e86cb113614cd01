import assert from "node:assert/strict";
import fc from "fast-check";
import { BlockBuffer } from "../../../lib/insights/block_buffer.ts";

Deno.test("whatever is written, its bytes are those of an encoder, with the gaps left out", () => {
  // Characters of one to four bytes, so many that they fill several blocks.
  const text = fc.tuple(fc.string({ unit: "binary", maxLength: 20 }), fc.nat(300)).map(([unit, count]) =>
    unit.repeat(count)
  );
  const texts = fc.array(fc.tuple(text, fc.boolean()), { maxLength: 20 });
  fc.assert(
    fc.property(texts, (written) => {
      const buffer = new BlockBuffer();
      const gaps = [];
      for (const [text, isGap] of written) {
        const start = buffer.length;
        buffer.write(text);
        if (isGap) gaps.push({ start, end: buffer.length });
      }
      assert.ok(buffer.capacity >= buffer.length);
      const kept = written.filter(([, isGap]) => !isGap).map(([text]) => text.toWellFormed()).join("");
      assert.equal(new TextDecoder().decode(buffer.take(gaps)), kept);
      assert.deepEqual([buffer.length, buffer.capacity], [0, 0]);
    }),
    { numRuns: 300 },
  );
});

Deno.test("memory grows in blocks: small for a small text, and hardly more than a large one needs", () => {
  const buffer = new BlockBuffer();
  buffer.write("x");
  assert.equal(buffer.capacity, 1024);
  buffer.write("x".repeat(5_000_000));
  assert.ok(buffer.capacity < 5_000_001 + 262_144, `${buffer.capacity}`);
  const text = buffer.take();
  assert.equal(text.length, 5_000_001);
  assert.ok(text.every((byte) => byte === 0x78));
});
