import assert from "node:assert/strict";
import { AppError } from "../../../lib/errors.ts";
import { BodyError } from "../../../lib/insights/errors.ts";
import { createFactList, createProblemList, type PostedList } from "../../../lib/insights/posted_list.ts";
import { assertAcceptable } from "../../fixtures/handler_rules.ts";

const ENVIRONMENT = {
  namespace: "proj-main",
  environmentId: "3",
  projectName: "proj",
  environmentName: "main",
};
const LIMITS = { maxItems: 10_000, maxItemBytes: 20_000_000, maxJsonDepth: 32 };
const HEADER = { environment: 3, projectName: "proj", environmentName: "main" };

/** Posts a body, as text or as a value; returns the decoded message and the warnings. */
function post(list: PostedList, body: unknown) {
  list.push(new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body)));
  const { body: bytes, warnings } = list.end();
  assertAcceptable(bytes);
  return { message: JSON.parse(new TextDecoder().decode(bytes)), warnings };
}

const postFacts = (body: unknown, limits = LIMITS) => post(createFactList(ENVIRONMENT, limits), body);
const postProblems = (body: unknown, limits = LIMITS) => post(createProblemList(ENVIRONMENT, limits), body);

/** The facts of the message, without their environment. */
function parseFacts(body: unknown): unknown[] {
  return postFacts(body).message.facts.map((
    { environment: _id, projectName: _project, environmentName: _environment, ...fact }: Record<
      string,
      unknown
    >,
  ) => fact);
}

const FACT = {
  name: "n",
  value: "v",
  source: "s",
  description: "d",
  type: "URL",
  category: "c",
  service: "x",
};
const EMPTY_FACT = {
  name: "n",
  value: "",
  source: "InsightsRemoteWebService",
  description: "",
  type: "",
  category: "",
  service: "",
};
const SAME = "has the same name, source: Lagoon core ignores case, accents and blanks at the end";

function mistakes(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    assert(error instanceof BodyError);
    return error.message;
  }
  assert.fail("The body was accepted");
}

Deno.test("a list becomes one message, with the environment of the token and the type of the route", () => {
  assert.deepEqual(postFacts([FACT]).message, {
    ...HEADER,
    facts: [{ ...HEADER, environment: "3", ...FACT }],
    type: "direct.facts",
  });
  assert.deepEqual(postProblems([{ identifier: "i", severity: "HIGH", data: "{}" }]).message, {
    ...HEADER,
    problems: [
      { environment: 3, identifier: "i", source: "InsightsRemoteWebService", data: "{}", severity: "HIGH" },
    ],
    type: "direct.problems",
  });
});

Deno.test("facts may be an array, or an object with an array", () => {
  assert.deepEqual(parseFacts([FACT]), [FACT]);
  assert.deepEqual(parseFacts({ facts: [FACT] }), [FACT]);
  assert.deepEqual(parseFacts([]), []);
});

Deno.test("null is an empty list, as Go clients send it", () => {
  for (const body of ["null", '{"facts":null}']) assert.deepEqual(parseFacts(body), []);
  assert.deepEqual(postProblems("null").message, { ...HEADER, problems: [], type: "direct.problems" });
});

Deno.test("unknown fields are ignored, also those that name an environment or a type", () => {
  const more = { environment: ["x"], projectName: 1, environmentName: {}, id: 7 };
  assert.deepEqual(parseFacts([{ ...FACT, ...more }]), [FACT]);
  assert.deepEqual(parseFacts({ ...more, type: { direct: 1 }, facts: [FACT] }), [FACT]);
});

Deno.test("null and missing fields are empty", () => {
  const nulls = (item: object) => Object.fromEntries(Object.keys(item).map((field) => [field, null]));
  assert.deepEqual(parseFacts([{ name: "n" }]), [EMPTY_FACT]);
  assert.deepEqual(parseFacts([{ ...nulls(FACT), name: "n" }]), [EMPTY_FACT]);
  const absent = postProblems([{ identifier: "i" }]).message.problems;
  const fields = [
    "version",
    "fixedVersion",
    "source",
    "service",
    "data",
    "severity",
    "severityScore",
    "links",
  ];
  const empty = Object.fromEntries(fields.map((field) => [field, null]));
  assert.deepEqual(postProblems([{ ...empty, identifier: "i" }]).message.problems, absent);
});

Deno.test("a mistake is described by item, field and types, in both forms of the body", () => {
  const facts = [FACT, FACT, FACT, { ...FACT, value: 5 }];
  for (const body of [facts, { facts }]) {
    assert.equal(mistakes(() => parseFacts(body)), "facts[3].value: expected string, received number");
  }
});

Deno.test("a fact must have a name", () => {
  const values: [unknown, string][] = [
    [{}, "facts[0].name: expected string, received undefined"],
    [{ name: null }, "facts[0].name: expected string, received null"],
    [{ name: "" }, "facts[0].name: must not be empty"],
    [{ name: [] }, "facts[0].name: expected string, received array"],
    // Can't be compared with a number.
    [{ name: { length: { toString: null } } }, "facts[0].name: expected string, received object"],
    [null, "facts[0]: expected object, received null"],
    [["n"], "facts[0]: expected object, received array"],
    ["n", "facts[0]: expected object, received string"],
  ];
  for (const [fact, message] of values) assert.equal(mistakes(() => parseFacts([fact])), message);
});

Deno.test("a problem must have an identifier, and a finite number as score", () => {
  assert.equal(
    mistakes(() => postProblems([{ identifier: "i", severityScore: "0.7" }])),
    "problems[0].severityScore: expected number, received string",
  );
  assert.match(
    mistakes(() => postProblems('[{"identifier":"i","severityScore":1e999}]')),
    /^problems\[0\]\.severityScore: expected number/,
  );
  assert.equal(
    mistakes(() => postProblems([{ identifier: "" }])),
    "problems[0].identifier: must not be empty",
  );
  assert.equal(
    mistakes(() => postProblems([{ identifier: "i", data: {} }])),
    "problems[0].data: expected string, received object",
  );
});

Deno.test("ten mistakes are described, and the others counted", () => {
  const described = Array.from(
    { length: 10 },
    (_, index) => `facts[${index}]: expected object, received number`,
  );
  assert.equal(mistakes(() => parseFacts(Array(10).fill(1))), described.join("; "));
  assert.equal(mistakes(() => parseFacts(Array(13).fill(1))), [...described, "and 3 more"].join("; "));
});

Deno.test("reading stops after a thousand mistakes", () => {
  const message = mistakes(() => parseFacts(Array(2000).fill(1)));
  assert(message.endsWith("; and at least 990 more"), message);
});

Deno.test("mistakes are described without values", () => {
  const hostile = "tenant's data";
  for (
    const parse of [
      () => parseFacts([{ name: [hostile], value: { [hostile]: 1 }, source: 1 }]),
      () => parseFacts(JSON.stringify(hostile)),
      () => postProblems([hostile]),
      () => parseFacts(`{"${hostile}": ${hostile}}`),
      () => postProblems(hostile),
    ]
  ) {
    assert(!mistakes(parse).includes("tenant"));
  }
});

Deno.test("a list with a mistake in any item is not sent", () => {
  for (const at of [0, 1, 2]) {
    const facts = Array.from({ length: 3 }, (_, index) => index === at ? { name: 1 } : FACT);
    assert.match(mistakes(() => parseFacts(facts)), new RegExp(`^facts\\[${at}\\]\\.name: expected string`));
  }
});

Deno.test("of facts with the same source and name only the last is sent, with a warning for each other", () => {
  const facts = ["1", "2", "3"].map((value) => ({ ...FACT, value }));
  const other = { ...FACT, name: "other" };
  const { message, warnings } = postFacts([facts[0], other, facts[1], facts[2]]);
  assert.deepEqual(message.facts.map(({ value }: { value: string }) => value), ["v", "3"]);
  assert.deepEqual(warnings, [
    `facts[0].name: left out, as facts[2] ${SAME}`,
    `facts[2].name: left out, as facts[3] ${SAME}`,
  ]);
});

Deno.test("a message is refused as soon as it is too large for the broker", () => {
  const list = createProblemList(ENVIRONMENT, LIMITS);
  const item = new TextEncoder().encode(`{"identifier":"i","data":"\\"${"x".repeat(1_000_000)}\\""},`);
  list.push(new TextEncoder().encode("["));
  let pushed = 0;
  assert.throws(() => {
    for (; pushed < 20; pushed++) list.push(item);
  }, (error: unknown) => error instanceof AppError && error.code === "message-too-large");
  assert.equal(pushed, 16);
});
