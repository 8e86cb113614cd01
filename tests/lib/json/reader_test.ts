import assert from "node:assert/strict";
import fc from "fast-check";
import { JsonError, JsonReader, type JsonReaderOptions } from "../../../lib/json/reader.ts";

const encoder = new TextEncoder();

const unexpected = () => assert.fail("Nothing should be too large");

/** Reads a text in chunks of a size; gives the values, and a line for each one that was skipped. */
function read(
  input: string | Uint8Array,
  options: Partial<JsonReaderOptions> = {},
  chunkSize = 1 << 20,
): { values: unknown[]; skipped: unknown[]; others: unknown[]; keys: unknown[] } {
  const bytes = typeof input === "string" ? encoder.encode(input) : input;
  const result = { values: [], skipped: [], others: [], keys: [] } as ReturnType<typeof read>;
  const reader = new JsonReader({
    paths: ["$"],
    maxDepth: 1000,
    maxValueBytes: 100_000,
    onValue: (value, { key }) => {
      result.values.push(value);
      result.keys.push(key);
    },
    onTooLarge: ({ key }) => result.skipped.push(key),
    onOther: (type, { key, depth }) => result.others.push([type, key, depth]),
    ...options,
  });
  for (let at = 0; at < bytes.length; at += chunkSize) {
    const chunk = bytes.slice(at, at + chunkSize);
    reader.push(chunk);
    // The memory of a chunk belongs to the caller.
    chunk.fill(0x78);
  }
  reader.end();
  return result;
}

function failure(...parameters: Parameters<typeof read>): string {
  try {
    read(...parameters);
  } catch (error) {
    assert.ok(error instanceof JsonError, String(error));
    return error.code;
  }
  return assert.fail("The text was accepted");
}

/** Characters that need care: marks, surrogates, escapes, and those that end texts. */
const anyString = fc.string({
  unit: fc.oneof(
    fc.constantFrom("\uFEFF", "\\", '"', "\n", "\u0000", "\ud83d", "\ude00", "é", "😀", "u", "a"),
    fc.string({ minLength: 1, maxLength: 1, unit: "binary" }),
  ),
});
const anyJson = fc.jsonValue({ maxDepth: 4 });
const anyChunk = fc.integer({ min: 1, max: 40 });

Deno.test("documents are read as JSON.parse() reads them, however they are cut", () => {
  const document = fc.oneof(anyJson, fc.array(fc.dictionary(anyString, anyString)), anyString);
  fc.assert(
    fc.property(document, anyChunk, fc.nat(2), fc.boolean(), (value, size, indent, isEscaped) => {
      let text = JSON.stringify(value, null, indent);
      if (isEscaped) {
        text = text.replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
      }
      assert.deepEqual(read(text, {}, size).values, [JSON.parse(text)]);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("a text is refused exactly when JSON.parse() refuses it, without a word of it", () => {
  const mutated = fc.tuple(
    fc.oneof(fc.json({ maxDepth: 3 }), anyString.map((text) => JSON.stringify(text))),
    fc.nat(),
    fc.constantFrom(...'[]{},:"\\ 1ae.-\n\uFEFF', "\\u12", ""),
  ).map(([text, at, insert]) => {
    const place = at % (text.length + 1);
    return text.slice(0, place) + insert + text.slice(place + 1);
  }).filter((text) => text.isWellFormed() && !text.startsWith("\uFEFF"));
  let accepted = 0;
  fc.assert(
    fc.property(mutated, anyChunk, (text, size) => {
      let expected: unknown;
      try {
        expected = JSON.parse(text);
      } catch {
        return assert.equal(failure(text, {}, size), "json-malformed");
      }
      accepted++;
      assert.deepEqual(read(text, {}, size).values, [expected]);
    }),
    { numRuns: 3000 },
  );
  assert.ok(accepted > 300, `${accepted} texts were JSON`);
  assert.throws(
    () => read('{"password":"secret" "secret"}'),
    (error) => error instanceof JsonError && !/secret/.test(`${error.stack}${error.cause}`),
  );
});

Deno.test("paths select documents, elements and members, and the outer value of two", () => {
  const text = '{"items":[1,{"a":[2]},[3]],"metadata":{"items":[4]},"0":{"items":5}}';
  const select = (...paths: string[]) => read(text, { paths }).values;
  assert.deepEqual(select("$"), [JSON.parse(text)]);
  assert.deepEqual(select("$.items[*]"), [1, { a: [2] }, [3]]);
  assert.deepEqual(select("$.metadata", "$.items[*]"), [1, { a: [2] }, [3], { items: [4] }]);
  assert.deepEqual(select("$.items[*].a[*]"), [2]);
  assert.deepEqual(select("$.*.items"), [[4], 5]);
  assert.deepEqual(select("$.metadata", "$.metadata.items"), [{ items: [4] }]);
  assert.deepEqual(select("$[*]", "$.items.*", "$.0[*]", "$.none"), []);
  assert.deepEqual(read("[1,[2],{}]", { paths: ["$[*]", "$.a[*]"] }), {
    values: [1, [2], {}],
    keys: [0, 1, 2],
    others: [["array", undefined, 0]],
    skipped: [],
  });
});

Deno.test("what no path selects is reported where it starts", () => {
  const text = '{"a":null,"items":[0],"b":{"c":true},"d":[1.5,"x"]}';
  assert.deepEqual(read(text, { paths: ["$.items[*]"] }).others, [
    ["object", undefined, 0],
    ["null", "a", 1],
    ["array", "items", 1],
    ["object", "b", 1],
    ["boolean", "c", 2],
    ["array", "d", 1],
    ["number", 0, 2],
    ["string", 1, 2],
  ]);
});

Deno.test("the grammar around selected values is checked, too", () => {
  for (
    const text of [
      "[1 2]",
      "[1,]",
      "[,1]",
      "[1:2]",
      "[1}",
      "[1",
      "[1]]",
      "[1] x",
      "[[1]",
      "[{}{}]",
      "[{]}]",
      "",
      " ",
    ]
  ) {
    assert.equal(failure(text, { paths: ["$[*]"] }), "json-malformed", text);
  }
  for (
    const text of ['{"a":1 "b":2}', '{"a":}', '{"a",1}', "{1:1}", '{"a":1,}', '{,"a":1}', '{"a":1]', '{"a"']
  ) {
    assert.equal(failure(text, { paths: ["$.a"] }), "json-malformed", text);
  }
});

Deno.test("texts are UTF-8, with or without a byte order mark", () => {
  const mark = [0xef, 0xbb, 0xbf];
  for (const size of [1, 2, 100]) {
    assert.deepEqual(read(new Uint8Array([...mark, 0x5b, 0x31, 0x5d]), {}, size).values, [[1]]);
  }
  for (
    const bytes of [[0x22, 0xff, 0x22], [0x22, 0xc3, 0x22], [0xef, 0x5b, 0x5d], [0xfe, 0xff, 0, 0x31], [
      0x31,
      0xc3,
    ]]
  ) {
    for (const size of [1, 100]) {
      assert.equal(failure(new Uint8Array(bytes), {}, size), "json-encoding", `${bytes}`);
    }
  }
  assert.equal(failure(new Uint8Array([...mark, ...mark, 0x31])), "json-malformed");
  assert.equal(failure(new Uint8Array([0x20, ...mark, 0x31])), "json-malformed");
});

Deno.test("a value may have exactly as many bytes as allowed, and one that has more costs only itself", () => {
  const options = { paths: ["$[*]"], maxValueBytes: 12 };
  for (const size of [1, 2, 5, 100]) {
    const { values, skipped } = read(
      '[1,{"a":"1234"}, {"a":"12345"},["\\u00e9",2],"1234567890","12345678901",{}]',
      options,
      size,
    );
    assert.deepEqual(values, [1, { a: "1234" }, ["é", 2], "1234567890", {}], `${size}`);
    assert.deepEqual(skipped, [2, 5], `${size}`);
  }
});

Deno.test("whatever a skipped value holds and however it is cut, what follows is read", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(anyJson, anyString, fc.array(anyString))), anyChunk, (list, size) => {
      const limit = 30;
      // A mark counts twice.
      const isLarge = (value: unknown) => encoder.encode(JSON.stringify(value)).length > limit;
      const isContainer = (value: unknown) => typeof value === "object" && value !== null;
      // How long a lone string is depends on its escapes, which are not all counted.
      const items = list.filter((value) => !JSON.stringify(value).includes("\uFEFF"))
        .map((value) => isContainer(value) ? value : [value]);
      const { values, skipped } = read(
        JSON.stringify(items),
        { paths: ["$[*]"], maxValueBytes: limit },
        size,
      );
      assert.deepEqual(values, JSON.parse(JSON.stringify(items)).filter((value: unknown) => !isLarge(value)));
      assert.equal(skipped.length, items.filter(isLarge).length);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("arrays and objects may be as deep in each other as allowed, inside and outside of values", () => {
  const deepest = '[{"a":[[]]}]';
  for (const paths of [["$"], ["$[*]"], ["$.a"], ["$[*].a"]]) {
    assert.doesNotThrow(() => read(deepest, { paths, maxDepth: 4 }));
    assert.equal(failure(deepest, { paths, maxDepth: 3 }), "json-too-deep", `${paths}`);
  }
  assert.deepEqual(read('["[[[[", "{{{{"]', { maxDepth: 1 }).values, [["[[[[", "{{{{"]]);
  for (const paths of [["$"], ["$[*]"], ["$.a"]]) {
    assert.equal(failure("[".repeat(10_000_000), { paths }), "json-too-deep");
  }
});

Deno.test("a callback that throws ends the reading, and its error is the caller's", () => {
  const seen: unknown[] = [];
  const onValue = (value: unknown) => {
    seen.push(value);
    if (value === 2) throw new RangeError("enough");
  };
  assert.throws(() => read("[1,2,3]", { paths: ["$[*]"], onValue }), {
    name: "RangeError",
    message: "enough",
  });
  assert.deepEqual(seen, [1, 2]);
});

Deno.test("a reader that is stopped ignores what follows", () => {
  const seen: unknown[] = [];
  const reader: JsonReader = new JsonReader({
    paths: ["$.metadata"],
    maxDepth: 10,
    maxValueBytes: 100,
    onValue: (value) => {
      seen.push(value);
      reader.stop();
    },
    onTooLarge: unexpected,
  });
  reader.push(encoder.encode('{"metadata":{"a":1},"metadata":2,"rest":[ this is no JSON'));
  reader.push(encoder.encode("more of it"));
  reader.push(new Uint8Array([0xff]));
  reader.end();
  assert.deepEqual(seen, [{ a: 1 }]);
});

Deno.test("no more than the limit is held, whatever comes", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--v8-flags=--max-old-space-size=16", "tests/fixtures/endless_json.ts"],
    cwd: new URL("../../../", import.meta.url),
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr).slice(0, 500));
  assert.deepEqual(decoder.decode(stdout).trim().split("\n"), [
    '["x: skipped 0',
    '["\\n: skipped 0',
    '["é: skipped 0',
    "[[1,: skipped 0",
    '[{"name: skipped 0',
    '{"other":"x: json-too-large',
    "[: json-too-deep",
    "[1: json-malformed",
  ]);
});

Deno.test("a long string or number that is no part of a value is refused", () => {
  for (const text of [`{"other":"${"x".repeat(150_000)}"`, `{"${"x".repeat(150_000)}"`]) {
    for (const size of [50_000, 1 << 20]) {
      assert.equal(failure(text, { paths: ["$.a"] }, size), "json-too-large");
    }
  }
  for (const size of [10, 1 << 20]) {
    assert.deepEqual(read("1".repeat(1000), {}, size).values, [Number("1".repeat(1000))]);
    for (const text of ["1".repeat(1001), `[${"1".repeat(1001)}]`, `{"a":${"1".repeat(60_000)}}`]) {
      assert.equal(failure(text, {}, size), "json-malformed");
    }
  }
});
