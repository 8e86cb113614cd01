import assert from "node:assert/strict";
import { type Fact, FACT_FIELDS, type Problem, PROBLEM_FIELDS } from "../../../lib/insights/fields.ts";
import {
  LatestItems,
  repairDeletion,
  repairFact,
  repairProblem,
  Warnings,
} from "../../../lib/insights/repairs.ts";

/** Repairs a list of facts, item by item as when one arrives. */
function repairFacts(facts: readonly Fact[]) {
  const warnings = new Warnings();
  const kept = new Map<number, Fact>();
  const latest = new LatestItems("facts", FACT_FIELDS, warnings, (index: number) => kept.delete(index));
  for (const [index, fact] of facts.entries()) {
    const repaired = repairFact(fact, { path: `facts[${index}]`, warnings });
    kept.set(index, repaired);
    latest.remember(repaired, index, index);
  }
  return { items: [...kept.values()], warnings: warnings.list() };
}

function repairProblems(problems: readonly Problem[]) {
  const warnings = new Warnings();
  const kept = new Map<number, Problem>();
  const latest = new LatestItems("problems", PROBLEM_FIELDS, warnings, (index: number) => kept.delete(index));
  for (const [index, problem] of problems.entries()) {
    const repaired = repairProblem(problem, { path: `problems[${index}]`, warnings });
    kept.set(index, repaired);
    latest.remember(repaired, index, index);
  }
  return { items: [...kept.values()], warnings: warnings.list() };
}

const SAME = "has the same name, source: Lagoon core ignores case, accents and blanks at the end";
const IDENTITY = "cut to 300 characters; it is part of an identity";

const FACT: Fact = {
  name: "n",
  value: "v",
  source: "s",
  description: "",
  type: "",
  category: "",
  service: "",
};
const PROBLEM: Problem = {
  identifier: "i",
  version: "",
  fixedVersion: "",
  source: "s",
  service: "",
  data: "{}",
  severity: "HIGH",
  severityScore: 0,
  associatedPackage: "",
  description: "",
  links: "",
};

Deno.test("valid items stay unchanged", () => {
  const facts = [FACT, { ...FACT, name: "m" }, { ...FACT, source: "t" }];
  assert.deepEqual(repairFacts(facts), { items: facts, warnings: [] });
  const problems = [PROBLEM, { ...PROBLEM, service: "cli" }, { ...PROBLEM, version: "1" }];
  assert.deepEqual(repairProblems(problems), { items: problems, warnings: [] });
});

Deno.test("facts are distinguished by their whole source and name, also long ones", () => {
  const long = "x".repeat(200);
  const facts = [`${long}1`, `${long}2`, `${long}1`].map((name, index) => ({
    ...FACT,
    name,
    value: `${index}`,
  }));
  assert.deepEqual(repairFacts(facts).items, facts.slice(1));
});

Deno.test("an empty source becomes the default, without a warning", () => {
  const source = "InsightsRemoteWebService";
  assert.deepEqual(repairFacts([{ ...FACT, source: "" }]), { items: [{ ...FACT, source }], warnings: [] });
  assert.deepEqual(repairProblems([{ ...PROBLEM, source: "" }]), {
    items: [{ ...PROBLEM, source }],
    warnings: [],
  });
});

Deno.test("of two facts with the same source and name the last is kept, in its place", () => {
  const first = { ...FACT, value: "1" };
  const other = { ...FACT, name: "other" };
  const last = { ...FACT, value: "2" };
  assert.deepEqual(repairFacts([first, other, last]), {
    items: [other, last],
    warnings: [`facts[0].name: left out, as facts[2] ${SAME}`],
  });
});

Deno.test("an empty source equals the default source", () => {
  const { items } = repairFacts([{ ...FACT, source: "" }, { ...FACT, source: "InsightsRemoteWebService" }]);
  assert.equal(items.length, 1);
});

Deno.test("facts whose source and name are equal only when joined are both kept", () => {
  const long = "x".repeat(100);
  const pairs = [["a", "bc"], ["ab", "c"], ["a b", "c"], ["a", "b c"], ['a","b', "c"], [
    "a",
    'b","c',
  ]] as const;
  const facts = [
    ...pairs,
    [long, `${long}y`] as const,
    [`${long}y`, long] as const,
    [`${long}${long}`, "y"] as const,
  ]
    .map(([source, name]) => ({ ...FACT, source, name }));
  assert.deepEqual(repairFacts(facts), { items: facts, warnings: [] });
});

Deno.test("name, value and source of a fact are cut to 300 characters, and nothing else", () => {
  const long = "x".repeat(301);
  const { items, warnings } = repairFacts([{
    ...FACT,
    name: long,
    value: long,
    source: long,
    description: long,
  }]);
  const cut = "x".repeat(300);
  assert.deepEqual(items, [{ ...FACT, name: cut, value: cut, source: cut, description: long }]);
  assert.deepEqual(warnings, [
    `facts[0].name: ${IDENTITY}`,
    "facts[0].value: cut to 300 characters",
    `facts[0].source: ${IDENTITY}`,
  ]);
  assert.deepEqual(repairFacts([{ ...FACT, value: cut }]).warnings, []);
});

Deno.test("a deletion is repaired as a post is, so that it finds what was stored", () => {
  for (const text of ["drush", "x".repeat(300), "x".repeat(10_000), "😀".repeat(301), "\u0000", "a\ud83d"]) {
    const posted = { source: text, service: text };
    const fact = repairFacts([{ ...FACT, ...posted }]);
    const { warnings, ...deleted } = repairDeletion(FACT_FIELDS, posted);
    assert.deepEqual(deleted, { source: fact.items[0]!.source, service: fact.items[0]!.service });
    assert.deepEqual(warnings, fact.warnings.map((warning) => warning.replace("facts[0].", "")));
    const problem = repairProblems([{ ...PROBLEM, ...posted }]).items[0]!;
    const { source, service } = repairDeletion(PROBLEM_FIELDS, posted);
    assert.deepEqual([source, service], [problem.source, problem.service]);
  }
});

Deno.test("characters above U+FFFF are replaced by one each, everywhere but in data", () => {
  const value = "😀".repeat(300);
  assert.deepEqual(repairFacts([{ ...FACT, value }]), {
    items: [{ ...FACT, value: "\ufffd".repeat(300) }],
    warnings: ["facts[0].value: characters above U+FFFF, such as emoji, replaced"],
  });
  const problem = { ...PROBLEM, data: '"😀"' };
  assert.deepEqual(repairProblems([problem]), { items: [problem], warnings: [] });
});

Deno.test("text columns are cut to bytes, between two characters", () => {
  const stored = "x".repeat(65_535);
  for (
    const [posted, expected] of [[stored, stored], [`${stored}x`, stored], [
      `x${"é".repeat(32_768)}`,
      `x${"é".repeat(32_767)}`,
    ]]
  ) {
    const { items, warnings } = repairProblems([{ ...PROBLEM, description: posted! }]);
    assert.equal(items[0]!.description, expected);
    assert.deepEqual(warnings, posted === stored ? [] : ["problems[0].description: cut to 65535 bytes"]);
  }
});

Deno.test("items that the collation holds for the same are duplicates", () => {
  for (
    const [one, other] of [["JSONStream", "jsonstream"], ["café", "cafe"], ["a", "a  "], ["ß", "s"], [
      "ſ",
      "S",
    ], ["я", "Я"]]
  ) {
    for (const field of ["name", "source"]) {
      const last = { ...FACT, [field]: other };
      assert.deepEqual(repairFacts([{ ...FACT, [field]: one }, last]).items, [last]);
    }
    const last = { ...PROBLEM, identifier: other! };
    assert.deepEqual(repairProblems([{ ...PROBLEM, identifier: one! }, last]).items, [last]);
  }
  for (const [one, other] of [["ß", "ss"], [" a", "a"], ["a\t", "a"], ["æ", "ae"], ["a`", "a"]]) {
    assert.equal(repairFacts([{ ...FACT, name: one! }, { ...FACT, name: other! }]).items.length, 2);
  }
});

Deno.test("a severityScore is rounded to tenths, or left out", () => {
  const cases = [
    [0.9, 0.9],
    [-0.9, -0.9],
    [0.94, 0.9],
    [0.9499999999999998, 0.9],
    [0.95, 0],
    [1, 0],
    [7.5, 0],
    [-1, 0],
    [0.04, 0],
  ];
  for (const [severityScore, expected] of cases) {
    const { items, warnings } = repairProblems([{ ...PROBLEM, severityScore: severityScore! }]);
    assert.equal(items[0]!.severityScore, expected, String(severityScore));
    assert.equal(warnings.length, severityScore === expected ? 0 : 1);
  }
});

Deno.test("escapes of lone surrogates in data are replaced: MariaDB refuses them", () => {
  const cases = [['"\\ud83d"', '"\\ufffd"'], ['{"\\uDE00x":1}', '{"\\ufffdx":1}'], [
    '"\\ud83d\\ud83d\\ude00"',
    '"\\ufffd\\ud83d\\ude00"',
  ]];
  for (const [data, expected] of cases) {
    const { items, warnings } = repairProblems([{ ...PROBLEM, data: data! }]);
    assert.equal(items[0]!.data, expected);
    assert.deepEqual(warnings, ["problems[0].data: characters that are not valid Unicode replaced"]);
  }
  for (const data of ['"\\ud83d\\ude00"', '"\\\\ud83d"']) {
    assert.deepEqual(repairProblems([{ ...PROBLEM, data }]), { items: [{ ...PROBLEM, data }], warnings: [] });
  }
});

Deno.test("a fact's type is one that core knows", () => {
  const types = ["", "TEXT", "url", "other"].map((type) => repairFacts([{ ...FACT, type }]));
  assert.deepEqual(types.map(({ items }) => items[0]!.type), ["", "TEXT", "URL", "TEXT"]);
  assert.deepEqual(types.map(({ warnings }) => warnings.length), [0, 0, 1, 1]);
});

Deno.test("facts that become equal by cutting are duplicates", () => {
  const name = "x".repeat(300);
  const { items, warnings } = repairFacts([{ ...FACT, name: `${name}1` }, {
    ...FACT,
    name: `${name}2`,
    value: "w",
  }]);
  assert.deepEqual(items, [{ ...FACT, name, value: "w" }]);
  assert.equal(warnings.at(-1), `facts[0].name: left out, as facts[1] ${SAME}`);
});

Deno.test("repairProblem() converts core's seven severities to upper case", () => {
  for (const severity of ["NONE", "UNKNOWN", "NEGLIGIBLE", "LOW", "MEDIUM", "HIGH", "CRITICAL"]) {
    assert.deepEqual(repairProblems([{ ...PROBLEM, severity }]).warnings, []);
    const { items, warnings } = repairProblems([{ ...PROBLEM, severity: severity.toLowerCase() }]);
    assert.equal(items[0]!.severity, severity);
    assert.deepEqual(warnings, ["problems[0].severity: written in upper case"]);
  }
});

Deno.test("repairProblem() sets an unknown severity to UNKNOWN", () => {
  const { items, warnings } = repairProblems([{ ...PROBLEM, severity: "" }, {
    ...PROBLEM,
    identifier: "other",
    severity: "secret",
  }]);
  assert.deepEqual(items.map(({ severity }) => severity), ["UNKNOWN", "UNKNOWN"]);
  assert.match(warnings[0]!, /^problems\[0\]\.severity: missing, set to UNKNOWN/);
  assert.match(warnings[1]!, /^problems\[1\]\.severity: unknown, set to UNKNOWN/);
  assert(!warnings.join().includes("secret"));
});

Deno.test("repairProblem() encodes data that is no JSON document, and keeps every JSON document unchanged", () => {
  for (const data of ["{}", "null", '"text"', " [1, 2.0]\n", "1e999"]) {
    assert.deepEqual(repairProblems([{ ...PROBLEM, data }]), { items: [{ ...PROBLEM, data }], warnings: [] });
  }
  const { items, warnings } = repairProblems([{ ...PROBLEM, data: "" }, {
    ...PROBLEM,
    identifier: "other",
    data: 'plain "text"',
  }]);
  assert.deepEqual(items.map(({ data }) => data), ["{}", '"plain \\"text\\""']);
  assert.deepEqual(warnings, [
    "problems[0].data: missing, set to {}",
    "problems[1].data: not a JSON document, encoded as a JSON string",
  ]);
});

Deno.test("repairProblem() encodes data that is nested too deeply for other parsers", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const data = nested(31);
  assert.deepEqual(repairProblems([{ ...PROBLEM, data }]), { items: [{ ...PROBLEM, data }], warnings: [] });
  for (const depth of [32, 500_000]) {
    const { items, warnings } = repairProblems([{ ...PROBLEM, data: nested(depth) }]);
    assert.equal(JSON.parse(items[0]!.data), nested(depth));
    assert.deepEqual(warnings, ["problems[0].data: nested more than 31 deep, encoded as a JSON string"]);
  }
});

Deno.test("lone surrogates are replaced in every text", () => {
  const texts = (item: object) => Object.entries(item).filter(([, value]) => typeof value === "string");
  for (const [field] of texts(FACT)) {
    const { items, warnings } = repairFacts([{ ...FACT, [field]: "a\ud83d" }]);
    assert.equal(Reflect.get(items[0]!, field), field === "type" ? "TEXT" : "a\ufffd");
    assert.deepEqual(warnings.slice(0, 1), [
      `facts[0].${field}: characters that are not valid Unicode replaced`,
    ]);
  }
  for (const [field] of texts(PROBLEM)) {
    const { items, warnings } = repairProblems([{ ...PROBLEM, [field]: '"\ud83d"' }]);
    assert(String(Reflect.get(items[0]!, field)).isWellFormed());
    assert.equal(warnings[0], `problems[0].${field}: characters that are not valid Unicode replaced`);
  }
});

Deno.test("repairs don't change the original items", () => {
  const facts = [Object.freeze({ ...FACT, source: "", name: "x".repeat(301) })];
  const problems = [Object.freeze({ ...PROBLEM, source: "", severity: "low", data: "" })];
  repairFacts(facts);
  repairProblems(problems);
  assert.equal(facts[0]!.source, "");
  assert.equal(problems[0]!.data, "");
});

Deno.test("fifty warnings are listed, and the others counted", () => {
  const bad = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ ...PROBLEM, identifier: `${index}`, data: "" }));
  assert.equal(repairProblems(bad(50)).warnings.length, 50);
  const { warnings } = repairProblems(bad(53));
  assert.equal(warnings.length, 51);
  assert.equal(warnings.at(-1), "and 3 more");
});
