import assert from "node:assert/strict";
import { BodyError, parseFacts, parseJson, parseProblems } from "../../../lib/insights/schemas.ts";

const FACT = { name: "n", value: "v", source: "s", description: "d", type: "t", category: "c", service: "x" };
const EMPTY_FACT = { name: "n", value: "", source: "", description: "", type: "", category: "", service: "" };
const EMPTY_PROBLEM = {
  identifier: "i",
  version: "",
  fixedVersion: "",
  source: "",
  service: "",
  data: "",
  severity: "",
  severityScore: 0,
  associatedPackage: "",
  description: "",
  links: "",
};

function mistakes(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    assert(error instanceof BodyError);
    return error.message;
  }
  assert.fail("The body was accepted");
}

Deno.test("parseFacts() takes an array, and an object that holds one", () => {
  assert.deepEqual(parseFacts([FACT]), [FACT]);
  assert.deepEqual(parseFacts({ facts: [FACT] }), [FACT]);
  assert.deepEqual(parseFacts([]), []);
});

Deno.test("parseFacts() and parseProblems() take null for a list without items, as Go clients send it", () => {
  assert.deepEqual(parseFacts(null), []);
  assert.deepEqual(parseFacts({ facts: null }), []);
  assert.deepEqual(parseProblems(null), []);
});

Deno.test("parseFacts() ignores unknown fields, and everything that would name an environment or a type", () => {
  const more = { environment: ["x"], projectName: 1, environmentName: {}, id: 7 };
  assert.deepEqual(parseFacts([{ ...FACT, ...more }]), [FACT]);
  assert.deepEqual(parseFacts({ ...more, type: { direct: 1 }, facts: [FACT] }), [FACT]);
});

Deno.test("parseFacts() and parseProblems() take null and absence for empty", () => {
  const nulls = (item: object) => Object.fromEntries(Object.keys(item).map((field) => [field, null]));
  assert.deepEqual(parseFacts([{ name: "n" }, { ...nulls(FACT), name: "n" }]), [EMPTY_FACT, EMPTY_FACT]);
  assert.deepEqual(
    parseProblems([{ identifier: "i" }, { ...nulls(EMPTY_PROBLEM), identifier: "i" }]),
    [EMPTY_PROBLEM, EMPTY_PROBLEM],
  );
});

Deno.test("parseFacts() names the item, the field and the types of a mistake, for both forms of the body", () => {
  const facts = [FACT, FACT, FACT, { ...FACT, value: 5 }];
  for (const body of [facts, { facts }]) {
    assert.equal(mistakes(() => parseFacts(body)), "facts[3].value: expected string, received number");
  }
});

Deno.test("parseFacts() demands a name", () => {
  const values: [unknown, string][] = [
    [{}, "facts[0].name: expected string, received undefined"],
    [{ name: null }, "facts[0].name: expected string, received null"],
    [{ name: "" }, "facts[0].name: must not be empty"],
    [null, "facts[0]: expected object, received null"],
    [["n"], "facts[0]: expected object, received array"],
    ["n", "facts[0]: expected object, received string"],
  ];
  for (const [fact, message] of values) assert.equal(mistakes(() => parseFacts([fact])), message);
});

Deno.test("parseProblems() demands an identifier, and a finite number as score", () => {
  assert.equal(
    mistakes(() => parseProblems([{ identifier: "i", severityScore: "0.7" }])),
    "problems[0].severityScore: expected number, received string",
  );
  assert.match(
    mistakes(() => parseProblems(parseJson('[{"identifier":"i","severityScore":1e999}]'))),
    /^problems\[0\]\.severityScore: expected number/,
  );
  assert.equal(
    mistakes(() => parseProblems([{ identifier: "" }])),
    "problems[0].identifier: must not be empty",
  );
  assert.equal(
    mistakes(() => parseProblems([{ identifier: "i", data: {} }])),
    "problems[0].data: expected string, received object",
  );
});

Deno.test("parseFacts() and parseProblems() say what the body should have been", () => {
  assert.equal(
    mistakes(() => parseFacts({ name: "n" })),
    "body: expected an array of facts, or an object with facts, received object",
  );
  assert.equal(mistakes(() => parseFacts({ facts: {} })), "facts: expected array, received object");
  assert.match(mistakes(() => parseFacts("text")), /received string$/);
  assert.equal(
    mistakes(() => parseProblems({ problems: [] })),
    "body: expected an array of problems, received object",
  );
});

Deno.test("parseFacts() describes ten mistakes and counts the others", () => {
  const described = Array.from(
    { length: 10 },
    (_, index) => `facts[${index}]: expected object, received number`,
  );
  assert.equal(mistakes(() => parseFacts(Array(10).fill(1))), described.join("; "));
  assert.equal(mistakes(() => parseFacts(Array(13).fill(1))), [...described, "and 3 more"].join("; "));
});

Deno.test("parseFacts() stops counting at a thousand mistakes, so that a bad body costs little", () => {
  const message = mistakes(() => parseFacts(Array(2000).fill(1)));
  assert(message.endsWith("; and at least 990 more"), message);
});

Deno.test("Mistakes are told without repeating a value", () => {
  const hostile = "tenant's data";
  for (
    const parse of [
      () => parseFacts([{ name: [hostile], value: { [hostile]: 1 }, source: 1 }]),
      () => parseFacts(hostile),
      () => parseProblems([hostile]),
      () => parseJson(`{"${hostile}": ${hostile}}`),
      () => parseJson(hostile),
    ]
  ) {
    assert(!mistakes(parse).includes("tenant"));
  }
});

Deno.test("Deeply nested JSON is refused or ignored, and breaks nothing", () => {
  const deep = "[".repeat(500_000) + "]".repeat(500_000);
  assert.equal(mistakes(() => parseFacts(parseJson(deep))), "facts[0]: expected object, received array");
  assert.equal(
    mistakes(() => parseFacts(parseJson(`[{"name":"n","value":${deep}}]`))),
    "facts[0].value: expected string, received array",
  );
  assert.deepEqual(parseFacts(parseJson(`[{"name":"n","ignored":${deep}}]`)), [EMPTY_FACT]);
});
