import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { createHmacSha256 } from "../../lib/hmac.ts";

Deno.test("createHmacSha256() is what Node's own is, for texts and secrets of any length", () => {
  const lengths = [0, 1, 16, 63, 64, 65, 200];
  for (const secretLength of lengths) {
    for (const textLength of lengths) {
      const [secret, text] = ["s".repeat(secretLength), "t".repeat(textLength)];
      assert.deepEqual(createHmacSha256(secret)(text), createHmac("sha256", secret).update(text).digest());
    }
  }
  const anyText = fc.string({ unit: "binary", maxLength: 200 });
  fc.assert(fc.property(anyText, anyText, (secret, text) => {
    assert.deepEqual(createHmacSha256(secret)(text), createHmac("sha256", secret).update(text).digest());
  }));
});

Deno.test("createHmacSha256() gives the values of RFC 4231", () => {
  assert.equal(
    createHmacSha256("Jefe")("what do ya want for nothing?").toString("hex"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});
