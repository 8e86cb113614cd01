import assert from "node:assert/strict";
import { option, optional } from "../../../lib/config/option.ts";
import { integer, text } from "../../../lib/config/values.ts";

Deno.test("option() names the variable as the flag, unless it is told another name", () => {
  assert.equal(option("a-long-name", text, "", "").env, "A_LONG_NAME");
  assert.equal(option("a-long-name", text, "", "", { env: "OTHER" }).env, "OTHER");
});

Deno.test("option() keeps a value in the open unless told otherwise", () => {
  assert.equal(option("name", text, "", "").secret, false);
  assert.equal(option("name", text, "", "", { secret: true }).secret, true);
});

Deno.test("optional() takes the empty text for nothing, and is as strict as before with all others", () => {
  const kind = optional(integer(1, 3));
  assert.equal(kind.parse(""), undefined);
  assert.equal(kind.parse("2"), 2);
  assert.throws(() => kind.parse("4"), RangeError);
});
