import assert from "node:assert/strict";
import fc from "fast-check";
import { AppError } from "../../../lib/errors.ts";
import { ItemReader, type ListOptions } from "../../../lib/insights/posted_list.ts";

const LIMITS = { maxItems: 1000, maxItemBytes: 100_000, maxJsonDepth: 1000 };
const FACTS: ListOptions = { name: "facts", mayBeWrapped: true, ...LIMITS };
const PROBLEMS: ListOptions = { name: "problems", mayBeWrapped: false, ...LIMITS };

/** Reads a body in chunks of a size. */
function read(body: string | Uint8Array, options: ListOptions = FACTS, chunkSize = 1 << 20): unknown[] {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const items: unknown[] = [];
  const reader = new ItemReader(options, (item, index) => {
    assert.equal(index, items.length);
    items.push(item);
  });
  for (let at = 0; at < bytes.length; at += chunkSize) {
    const chunk = bytes.slice(at, at + chunkSize);
    reader.push(chunk);
    // The memory of a chunk belongs to the server.
    chunk.fill(0x78);
  }
  reader.end();
  return items;
}

function refusal(
  body: string | Uint8Array,
  options: ListOptions = FACTS,
  chunkSize?: number,
): [code: string, message: string] {
  try {
    read(body, options, chunkSize);
  } catch (error) {
    assert.ok(error instanceof AppError, String(error));
    return [error.code, error.message];
  }
  return assert.fail("The body was accepted");
}

Deno.test("a list is an array or a member of an object, and null is an empty list", () => {
  for (
    const body of ["[1,2]", " [ 1 , 2 ] \n", '{"facts":[1,2]}', '{"a":{"facts":[9]},"facts":[1,2],"b":null}']
  ) {
    assert.deepEqual(read(body), [1, 2], body);
  }
  for (
    const body of ["[]", "[ ]", "null", " null ", '{"facts":[]}', '{"facts":null}', '{"facts": null , "a":1}']
  ) {
    assert.deepEqual(read(body), [], body);
  }
  assert.deepEqual(read("[1]", PROBLEMS), [1]);
});

Deno.test("a body of another type is refused by the name of its type", () => {
  const expected = "body: expected an array of facts, or an object with facts, received ";
  for (
    const [body, type] of [["{}", "object"], ['{"a":[1]}', "object"], ["1", "number"], ['"x"', "string"], [
      "true",
      "boolean",
    ]] as const
  ) assert.deepEqual(refusal(body), ["body-invalid", expected + type], body);
  assert.deepEqual(refusal('{"facts":{}}'), ["body-invalid", "facts: expected array, received object"]);
  assert.deepEqual(refusal('{"problems":[]}', PROBLEMS), [
    "body-invalid",
    "body: expected an array of problems, received object",
  ]);
  assert.deepEqual(refusal('{"facts":[1],"facts":[2]}'), ["body-invalid", "facts: expected once"]);
});

Deno.test("malformed JSON is refused wherever the mistake is", () => {
  const bodies = [
    "",
    " ",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1]]",
    "[1] x",
    "[1:2]",
    "[1}",
    '["]',
    "nul",
    "1 2",
    "{",
    "}",
    '{"facts"',
    '{"facts":',
    '{"facts":[1]',
    '{"facts":[1],}',
    '{"facts":[1] "a":1}',
    "{1:[1]}",
    '{"a":}',
    '{"a",1}',
    '{"facts":[1]}}',
    '{"facts":[1]},',
    "[{'a':1}]",
    '[{"a":1]]',
    '["a\nb"]',
    "[01]",
    "[NaN]",
    "[1]//",
    '{"a":1 2,"facts":[]}',
    '{,"facts":[]}',
    '{"facts":[]"a"}',
  ];
  for (const body of bodies) assert.equal(refusal(body)[0], "body-json", JSON.stringify(body));
});

Deno.test("bodies are UTF-8, with or without a byte order mark", () => {
  const mark = [0xef, 0xbb, 0xbf];
  assert.deepEqual(read(new Uint8Array([...mark, 0x5b, 0x31, 0x5d])), [1]);
  assert.deepEqual(read(new Uint8Array([...mark, 0x5b, 0x31, 0x5d]), FACTS, 1), [1]);
  const text = new TextEncoder().encode('["é😀"]');
  for (const size of [1, 2, 3, 4, 5]) assert.deepEqual(read(text, FACTS, size), ["é😀"]);
  for (const bytes of [[0x5b, 0x22, 0xff, 0x22, 0x5d], [0x5b, 0x22, 0xc3, 0x22, 0x5d]]) {
    assert.equal(refusal(new Uint8Array(bytes))[0], "body-encoding", `${bytes}`);
  }
  // A part of a mark, UTF-16, another character that starts like a mark, and a mark that is not at the beginning.
  assert.equal(refusal(new Uint8Array([0xef, 0x5b, 0x5d]))[0], "body-encoding");
  assert.equal(refusal(new Uint8Array([0xfe, 0xff, 0, 0x5b, 0, 0x5d]))[0], "body-encoding");
  assert.equal(refusal(new Uint8Array([0xef, 0xbf, 0xbd, 0x5b, 0x5d]))[0], "body-json");
  assert.equal(refusal(new Uint8Array([0x20, ...mark, 0x5b, 0x5d]))[0], "body-json");
});

Deno.test("one item too many ends the reading", () => {
  const options = { ...FACTS, maxItems: 2 };
  assert.deepEqual(read("[1,2]", options), [1, 2]);
  assert.deepEqual(refusal("[1,2,3,]]]", options), ["too-many-items", "facts: expected at most 2 items"]);
});

Deno.test("an item that is too large is refused, however it arrives", () => {
  const options = { ...FACTS, maxItemBytes: 10 };
  assert.deepEqual(read('["12345678"]', options), ["12345678"]);
  for (const size of [1, 3, 100]) {
    assert.deepEqual(refusal('[1,"123456789"]', options, size), [
      "item-too-large",
      "facts[1]: expected at most 10 bytes",
    ]);
    assert.equal(refusal('{"other":"123456789"}', options, size)[0], "item-too-large");
    assert.equal(refusal('"123456789"', options, size)[0], "item-too-large");
  }
});

Deno.test("depth is limited, counted from the body", () => {
  const options = { ...FACTS, maxJsonDepth: 4 };
  assert.deepEqual(read('[{"a":[{}]}]', options), [{ a: [{}] }]);
  const message = "body: expected arrays and objects at most 4 deep in each other";
  for (const body of ['[{"a":[{"b":[]}]}]', '{"facts":[{"a":[{}]}]}', '{"a":[[[[]]]]}']) {
    assert.deepEqual(refusal(body, options), ["body-too-deep", message], body);
  }
  assert.deepEqual(read('["[[[[[[[[", "{\\"{{{{{"]', options), ["[[[[[[[[", '{"{{{{{']);
  assert.equal(refusal("[".repeat(500_000))[0], "body-too-deep");
});

const anyChunks = fc.integer({ min: 1, max: 50 });

Deno.test("the items are those of JSON.parse(), however the body is cut", () => {
  const other = fc.dictionary(fc.string().filter((key) => key !== "facts"), fc.jsonValue({ maxDepth: 3 }));
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue({ maxDepth: 4 })),
      other,
      anyChunks,
      fc.nat(3),
      (list, more, size, indent) => {
        const expected = JSON.parse(JSON.stringify(list));
        assert.deepEqual(read(JSON.stringify(list, null, indent), PROBLEMS, size), expected);
        const wrapped = { ...more, facts: list };
        // An empty key that looks like a number comes first, whatever the order was.
        assert.deepEqual(read(JSON.stringify(wrapped, null, indent), FACTS, size), expected);
      },
    ),
    { numRuns: 1000 },
  );
});

Deno.test("a body is accepted exactly when JSON.parse() accepts it", () => {
  const json = fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 4 }).map((list) => JSON.stringify(list));
  const mutated = fc.tuple(json, fc.nat(), fc.constantFrom(...'[]{},:"\\ 1ae\n', "")).map(
    ([text, at, character]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + character + text.slice(place + 1);
    },
  );
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string()), anyChunks, (text, size) => {
      let expected: unknown;
      try {
        expected = JSON.parse(text);
      } catch {
        return assert.equal(refusal(text, FACTS, size)[0], "body-json", text);
      }
      if (Array.isArray(expected)) assert.deepEqual(read(text, FACTS, size), expected);
      else if (expected === null) assert.deepEqual(read(text, FACTS, size), []);
      else assert.equal(refusal(text, FACTS, size)[0], "body-invalid", text);
    }),
    { numRuns: 5000 },
  );
});

/** Reads a body as a whole; undefined when it has to be pushed. */
function readWhole(body: Uint8Array, options: ListOptions = FACTS): unknown[] | undefined {
  const items: unknown[] = [];
  const reader = new ItemReader(options, (item) => items.push(item));
  if (!reader.readArray(body)) return undefined;
  reader.end();
  return items;
}

Deno.test("readArray() gives what pushing gives, and leaves every other body to be pushed", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  fc.assert(
    fc.property(fc.array(fc.jsonValue({ maxDepth: 3 })), fc.integer({ min: 0, max: 3 }), (values, indent) => {
      const body = bytes(JSON.stringify(values, null, indent));
      assert.deepEqual(readWhole(body), read(body));
    }),
  );
  const others = ["", "null", '{"facts":[]}', "[1", "[1]]", "[1,]", " [1]", "\ufeff[1]", "[".repeat(1001)];
  for (const body of others) assert.equal(readWhole(bytes(body)), undefined, body.slice(0, 20));
  assert.equal(readWhole(Uint8Array.from([0x5b, 0x22, 0xff, 0x22, 0x5d])), undefined);
  assert.equal(readWhole(bytes("[12345678901]"), { ...FACTS, maxItemBytes: 12 }), undefined);
});

Deno.test("readArray() rejects one item too many", () => {
  const body = new TextEncoder().encode("[1,2,3]");
  assert.throws(
    () => readWhole(body, { ...FACTS, maxItems: 2 }),
    (error) => error instanceof AppError && error.code === "too-many-items",
  );
});
