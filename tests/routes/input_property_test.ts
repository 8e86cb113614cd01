/**
 * For any input from a tenant, the response is 200, or a 4xx that describes the mistake without echoing the input.
 * Published messages satisfy the rules of the handler and of core, and belong to the token's environment.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { collationKey } from "../../lib/insights/collation.ts";
import { anyJson, broken, type List, nearlyValid, SENTINEL, valid } from "./bodies.ts";
import { expectedCodes, isObject, post } from "./input_rules.ts";

const RUNS = 3000;

const lists = fc.constantFrom<List>("facts", "problems");

/** A list, and a body generated for it. */
function bodiesFor<Body>(generate: (list: List) => fc.Arbitrary<Body>): fc.Arbitrary<[List, Body]> {
  return lists.chain((list) => fc.tuple(fc.constant(list), generate(list)));
}

/** Asserts the property, and that each code in `seen` occurs in at least 1% of the runs. */
async function assertForAll<Body extends string | Uint8Array>(
  bodies: fc.Arbitrary<[List, Body]>,
  { seen }: { seen: readonly string[] },
): Promise<void> {
  const counts = new Map<string, number>();
  const property = fc.asyncProperty(bodies, async ([list, body]) => {
    const { code } = await post(list, body);
    counts.set(code, (counts.get(code) ?? 0) + 1);
    const expected = expectedCodes(list, body);
    assert(expected.includes(code), `${code} instead of ${expected.join(" or ")}`);
  });
  await fc.assert(property, { numRuns: RUNS });
  for (const code of seen) {
    assert((counts.get(code) ?? 0) >= RUNS / 100, `${code} of ${JSON.stringify([...counts])}`);
  }
}

Deno.test("Any JSON document is accepted or rejected by the rules, and none of it is echoed", async () => {
  await assertForAll(fc.tuple(lists, anyJson), { seen: ["body-invalid"] });
});

Deno.test("Bodies with the right fields and wrong values are accepted or rejected by the rules", async () => {
  await assertForAll(bodiesFor(nearlyValid), { seen: ["okay", "body-invalid"] });
});

Deno.test("Arbitrary bytes, and damaged bodies, are accepted or rejected by the rules", async () => {
  await assertForAll(bodiesFor(broken), { seen: ["okay", "body-json", "body-encoding", "body-invalid"] });
});

Deno.test("Bodies above a limit are rejected with that limit's code", async () => {
  const nested = fc.tuple(fc.nat(8), anyJson).map(([depth, inner]) =>
    `[{"name":"n","identifier":"i","more":${"[".repeat(depth)}${inner}${"]".repeat(depth)}}]`
  );
  const many = fc.tuple(fc.nat(12), anyJson).map(([count, item]) => `[${Array(count).fill(item).join()}]`);
  await assertForAll(fc.tuple(lists, fc.oneof(nested, many)), {
    seen: ["okay", "body-too-deep", "too-many-items"],
  });
});

Deno.test("Valid bodies are accepted with any unknown fields, and only repeated items are dropped", async () => {
  const property = fc.asyncProperty(bodiesFor(valid), async ([list, body]) => {
    const { code, message } = await post(list, body);
    assert.equal(code, "okay");
    const parsed = JSON.parse(body);
    const sent = (list === "facts" && isObject(parsed) ? parsed.facts : parsed) as unknown[] ?? [];
    const published = message![list] as unknown[];
    assert(published.length <= sent.length && (published.length > 0 || sent.length === 0));
  });
  await fc.assert(property, { numRuns: RUNS });
});

Deno.test("Facts and problems without mistakes arrive unchanged", async () => {
  const isStored = (text: string) => !/[\ud800-\udfff]/.test(text);
  const text = fc.string({ unit: "grapheme", maxLength: 30 }).filter(isStored);
  const filled = fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }).filter(isStored);
  const fact = fc.record({
    name: filled,
    value: text,
    source: filled,
    description: text,
    type: fc.constantFrom("", "TEXT", "URL", "SEMVER"),
    category: text,
    service: text,
  });
  const facts = fc.uniqueArray(fact, {
    maxLength: 6,
    selector: ({ source, name }) => JSON.stringify([collationKey(source), collationKey(name)]),
  });
  const problem = fc.record({
    identifier: filled,
    source: filled,
    data: fc.json(),
    severity: fc.constantFrom("NONE", "UNKNOWN", "NEGLIGIBLE", "LOW", "MEDIUM", "HIGH", "CRITICAL"),
  }).chain((whole) =>
    fc.record(
      {
        severityScore: fc.integer({ min: 1, max: 9 }).map((tenths) => tenths / 10),
        version: filled,
        links: filled,
      },
      { requiredKeys: [] },
    ).map((more) => ({ ...whole, ...more }))
  );
  const problems = fc.uniqueArray(problem, {
    maxLength: 6,
    selector: ({ identifier, version = "" }) =>
      JSON.stringify([collationKey(identifier), collationKey(version)]),
  });
  const bodies = fc.record({ facts, problems });
  const property = fc.asyncProperty(bodies, async ({ facts, problems }) => {
    const header = { environment: "3", projectName: "proj", environmentName: "main" };
    const sent = await post("facts", JSON.stringify(facts));
    assert.deepEqual(sent.message!.facts, facts.map((fact) => ({ ...header, ...fact })));
    const { message } = await post("problems", JSON.stringify(problems));
    assert.deepEqual(message!.problems, problems.map((problem) => ({ environment: 3, ...problem })));
  });
  await fc.assert(property, { numRuns: RUNS / 3 });
});

Deno.test("The message carries the names of the token, and only a whole number is an environment id", async () => {
  const ids = fc.oneof(
    fc.constantFrom(
      "0",
      "007",
      "3",
      "9007199254740991",
      "9007199254740992",
      "9007199254740993",
      "-1",
      "-0",
      "+3",
    ),
    fc.constantFrom(
      "1e3",
      " 3",
      "3 ",
      "3.0",
      "0x3",
      "٣",
      "３",
      "NaN",
      "Infinity",
      "null",
      "1_000",
      SENTINEL,
    ),
    fc.nat().map(String),
    fc.string({ minLength: 1, maxLength: 5 }),
  );
  // Tokens with control characters are rejected, even when correctly signed.
  const names = fc.string({ unit: "binary", maxLength: 10 }).filter((name) => !/\p{Cc}/u.test(name));
  const environments = fc.record({
    namespace: names.map((name) => `n${name}`),
    environmentId: ids,
    projectName: names,
    environmentName: names,
  });
  const property = fc.asyncProperty(
    environments,
    bodiesFor(nearlyValid),
    async (environment, [list, body]) => {
      const { code } = await post(list, body, environment);
      const isId = /^[0-9]{1,16}$/.test(environment.environmentId) &&
        BigInt(environment.environmentId) < 2n ** 53n;
      const expected = expectedCodes(list, body).map((expected) =>
        // Reported before the body is read.
        isId ? expected : "environment-id"
      );
      assert(expected.includes(code), `${code} instead of ${expected.join(" or ")}`);
    },
  );
  await fc.assert(property, { numRuns: RUNS });
});
