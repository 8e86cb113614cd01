import assert from "node:assert/strict";
import * as fc from "fast-check";
import { JsonPatcher } from "../../../lib/json/patcher.ts";
import type { ObjectRule, ValueRule } from "../../../lib/json/patch_rules.ts";

const encode = (text: string) => new TextEncoder().encode(text);

const TEXT: ValueRule = { code: "text", ifNull: '"!"', character: "!" };
const RULE: ObjectRule = {
  members: {
    filled: { code: "filled", ifNull: '{"a":1}', object: { required: { a: "1" }, ifEmpty: '"b":2' } },
    list: { code: "list", array: { ifEmpty: "0", wrap: ["<", ">"], elements: TEXT } },
    items: {
      code: "items",
      array: { elements: { code: "item", object: { renamed: { old: "new" }, required: { type: '"t"' } } } },
    },
    kiss: { code: "kiss", ifNull: "1" },
  },
  required: { kiss: "0" },
};

/** Patches a text in chunks of `size` bytes. */
function patch(text: string | Uint8Array, size = Infinity, rule = RULE) {
  const bytes = typeof text === "string" ? encode(text) : text;
  const patcher = new JsonPatcher(rule);
  const output: number[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    output.push(...patcher.push(bytes.slice(at, at + size)));
  }
  const result = new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(output));
  return { result, state: patcher.state, patches: [...patcher.patches].sort() };
}

/** Text before, text after, and the codes of the rules that changed it. */
const CASES: readonly (readonly [before: string, after: string, ...codes: string[]])[] = [
  ['{"kiss":[1,{"a":"}"}]}', '{"kiss":[1,{"a":"}"}]}'],
  [
    ' { "kiss" : 1 , "x" : "\\"}\\\\" } \n{"kiss":null}',
    ' { "kiss" : 1 , "x" : "\\"}\\\\" } \n{"kiss":null}',
  ],
  ["{}", '{"kiss":0}', "kiss"],
  ['{"x":{"kiss":1} }', '{"x":{"kiss":1} ,"kiss":0}', "kiss"],
  ['{"kiss":null}', '{"kiss":1}', "kiss"],
  ['{"kiss":1,"kiss" : null\n}', '{"kiss":1,"kiss" : 1\n}', "kiss"],
  ['{"KI\\u017fs":null}', '{"KI\\u017fs":1}', "kiss"],
  ['{"\u212ai\\u0053ſ":null}', '{"\u212ai\\u0053ſ":1}', "kiss"],
  ['{"kiss":1,"filled":{}}', '{"kiss":1,"filled":{"b":2,"a":1}}', "filled"],
  ['{"kiss":1,"filled":{"x":[]}}', '{"kiss":1,"filled":{"x":[],"a":1}}', "filled"],
  ['{"kiss":1,"filled":{"A":[]}}', '{"kiss":1,"filled":{"A":[]}}'],
  ['{"kiss":1,"filled":"text"}', '{"kiss":1,"filled":"text"}'],
  ['{"kiss":1,"filled":[null,{}]}', '{"kiss":1,"filled":[null,{}]}'],
  ['{"kiss":1,"list":[ ]}', '{"kiss":1,"list":<[ 0]>}', "list"],
  ['{"kiss":1,"list":["é!","",5]}', '{"kiss":1,"list":<["é!","!",5]>}', "list", "text"],
  [
    '{"kiss":1,"list":[null,"\\u0021","\\\\u0021","\\""]}',
    '{"kiss":1,"list":<["!","\\u0021","\\\\u0021!","\\"!"]>}',
    "list",
    "text",
  ],
  [
    '{"kiss":1,"items":[{"old":1},{"type":2},3]}',
    '{"kiss":1,"items":[{"new":1,"type":"t"},{"type":2},3]}',
    "item",
  ],
  [
    '{"kiss":1,"constructor":null,"__proto__":{},"toString":[""]}',
    '{"kiss":1,"constructor":null,"__proto__":{},"toString":[""]}',
  ],
  [`{"kiss":1,"${"k".repeat(200)}\\"":null}`, `{"kiss":1,"${"k".repeat(200)}\\"":null}`],
];

Deno.test("a document is patched by its rules, and every other byte stays, in pieces of any size", () => {
  for (const [before, after, ...codes] of CASES) {
    for (const size of [Infinity, 1, 2, 3, 7]) {
      assert.deepEqual(patch(before, size), { result: after, state: "complete", patches: codes }, before);
    }
  }
});

Deno.test("bytes that are not UTF-8 stay", () => {
  const bytes = new Uint8Array([...encode('{"kiss":"'), 0xff, 0xc3, ...encode('"}')]);
  const patcher = new JsonPatcher(RULE);
  assert.deepEqual([...patcher.push(bytes)], [...bytes]);
  assert.equal(patcher.state, "complete");
});

Deno.test("the state says whether a document ended, and whether it can be an object", () => {
  const cases: [string, JsonPatcher["state"]][] = [
    ["", "before"],
    [" \n", "before"],
    ["{", "within"],
    ['{"kiss":"', "within"],
    ['{"kiss":1', "within"],
    ["[]", "broken"],
    ["null", "broken"],
    ["\ufeff{}", "broken"],
    ["}", "broken"],
    ['{"filled":{]', "broken"],
  ];
  for (const [text, state] of cases) assert.equal(patch(text).state, state, text);
});

/** Any JSON, written with random white space and names that may mean the same. */
const NAMES = [
  "kiss",
  "Ki\\u0053S",
  "filled",
  "FILLED",
  "list",
  "items",
  "old",
  "type",
  "a",
  "",
  "\\\\",
  "\\u00e9",
];
const spaces = fc.constantFrom("", " ", "\n\t");
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom("null", "true", "-1.5e3", '""', '"!"', '"\\"\\\\"', '"é\\u0021"', '"]}"'),
    fc.array(fc.tuple(spaces, tie("json"), spaces).map((parts) => parts.join("")), { maxLength: 4 })
      .map((items) => `[${items.join(",")}]`),
    fc.array(
      fc.tuple(spaces, fc.constantFrom(...NAMES), tie("json"), spaces).map(([before, name, value, after]) =>
        `${before}"${name}"${after}:${before}${value}${after}`
      ),
      { maxLength: 5 },
    ).map((members) => `{${members.join(",")}}`),
  ),
}));

/** What the rules ask for; the wrap is left out, since its result is not JSON. */
const { list: _list, ...membersWithoutWrap } = RULE.members!;
const PLAIN: ObjectRule = { ...RULE, members: membersWithoutWrap };

Deno.test("a patched document is JSON that needs no patch, in pieces of any size", () => {
  fc.assert(
    fc.property(json, fc.integer({ min: 1, max: 20 }), (text, size) => {
      const whole = patch(text, Infinity, PLAIN);
      assert.deepEqual(patch(text, size, PLAIN), whole);
      JSON.parse(whole.result);
      if (!text.trimStart().startsWith("{")) return assert.equal(whole.result, text);
      assert.equal(whole.state, "complete");
      if (whole.patches.length === 0) assert.equal(whole.result, text);
      const again = patch(whole.result, Infinity, PLAIN);
      assert.deepEqual(again, { result: whole.result, state: "complete", patches: [] });
    }),
    { numRuns: 2000 },
  );
});
