import assert from "node:assert/strict";
import fc from "fast-check";
import { checkJson } from "../../../lib/insights/json_text.ts";

const ENOUGH = Infinity;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A JSON text with a part cut out or replaced. */
const mutation = fc.record({
  text: fc.oneof(fc.json({ maxDepth: 4 }), fc.json({ maxDepth: 4, stringUnit: "binary" })),
  at: fc.nat(200),
  length: fc.nat(3),
  insert: fc.oneof(
    fc.constantFrom(
      ..."[]{},:\"\\-+.0eE1 \n\t\u0000\u001f\u00a0\ufeff/'",
      "\\u00",
      "\\u12aF",
      "\\x",
      "nul",
      "true",
    ),
    fc.constantFrom(
      "NaN",
      "Infinity",
      "01",
      "1.",
      ".5",
      "1e+",
      "-",
      "//",
      "/**/",
      "\\ud800",
      "{}",
      "[]",
      '""',
    ),
    fc.constant(""),
  ),
}).map(({ text, at, length, insert }) => {
  const start = at % (text.length + 1);
  return text.slice(0, start) + insert + text.slice(start + length);
});

Deno.test("checkJson() agrees with JSON.parse() about what is JSON", () => {
  const texts = fc.oneof(
    { arbitrary: mutation, weight: 6 },
    { arbitrary: fc.json(), weight: 1 },
    { arbitrary: fc.string({ unit: fc.constantFrom(...'[]{},:"\\01-.eE ntrualsef') }), weight: 3 },
  );
  let accepted = 0;
  fc.assert(
    fc.property(texts, (text) => {
      const expected = isJson(text);
      if (expected) accepted++;
      assert.equal(checkJson(text, ENOUGH), expected ? "json" : "not-json");
    }),
    { numRuns: 20_000 },
  );
  assert(accepted > 2000, `${accepted} texts were JSON`);
});

Deno.test("checkJson() knows every rule of JSON", () => {
  const documents = [
    ...["null", "true", "false", "0", "-0", "10", "1.50", "1e5", "1E+5", "-2.5e-10", '""', '"a"', "[]", "{}"],
    ...[
      ' [ 1 , "a" ] ',
      '\t{\n"a"\r:\n[{}]}',
      '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00aF"',
      '{"a":1,"a":2}',
      '"\u007f\u2028"',
    ],
  ];
  for (const text of documents) assert.equal(checkJson(text, ENOUGH), "json", text);
  const others = [
    ...[
      "",
      " ",
      "nul",
      "True",
      "undefined",
      "NaN",
      "01",
      "+1",
      ".5",
      "1.",
      "1e",
      "- 1",
      "0x1",
      "1 2",
      "'a'",
      '"',
    ],
    ...[
      "[",
      "]",
      "[1",
      "[1,]",
      "[,1]",
      "[1 2]",
      "[}",
      "{]",
      "{,}",
      '{"a"}',
      '{"a":}',
      '{"a":1,}',
      "{a:1}",
      "{1:1}",
    ],
    ...[
      '"\\x"',
      '"\\u12"',
      '"\n"',
      '"\u0000"',
      "[]]",
      "{}{}",
      "// a\n1",
      "/* */1",
      "\ufeff1",
      "\u00a01",
      '{"a" 1}',
    ],
    ...['["a]', '{"a":1]', "[1}", '"\\', '"\\u', "[[]", "[1],"],
  ];
  for (const text of others) assert.equal(checkJson(text, ENOUGH), "not-json", text);
});

Deno.test("checkJson() limits depth, and reads texts of any depth", () => {
  for (
    const [text, depth] of [["1", 0], ["[]", 1], ["[{}]", 2], ['[[],{"a":[]}]', 3], ['["[[[["]', 1]] as const
  ) {
    assert.equal(checkJson(text, depth), "json", text);
    if (depth > 0) assert.equal(checkJson(text, depth - 1), "too-deep", text);
  }
  assert.equal(checkJson("[".repeat(1_000_000) + "]".repeat(1_000_000), ENOUGH), "json");
});
