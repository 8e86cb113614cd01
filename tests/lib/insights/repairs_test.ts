import assert from "node:assert/strict";
import type { Fact, Problem } from "../../../lib/insights/fields.ts";
import { FactRepairs, repairFactSource, repairProblem, Warnings } from "../../../lib/insights/repairs.ts";

/** Repairs a list of facts, item by item as when one arrives. */
function repairFacts(facts: readonly Fact[]) {
  const warnings = new Warnings();
  const kept = new Map<number, Fact>();
  const repairs = new FactRepairs<number>(warnings, (index) => kept.delete(index));
  for (const [index, fact] of facts.entries()) {
    const repaired = repairs.repair(fact, index);
    kept.set(index, repaired);
    repairs.remember(repaired, index, index);
  }
  return { items: [...kept.values()], warnings: warnings.list() };
}

function repairProblems(problems: readonly Problem[]) {
  const warnings = new Warnings();
  const items = problems.map((problem, index) =>
    repairProblem(problem, { path: `problems[${index}]`, warnings })
  );
  return { items, warnings: warnings.list() };
}

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
  assert.deepEqual(repairProblems([PROBLEM, PROBLEM]), { items: [PROBLEM, PROBLEM], warnings: [] });
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
    warnings: ["facts[0].name: left out, as facts[2] has the same source and name"],
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
    "facts[0].name: cut to 300 characters",
    "facts[0].value: cut to 300 characters",
    "facts[0].source: cut to 300 characters",
  ]);
  assert.deepEqual(repairFacts([{ ...FACT, value: cut }]).warnings, []);
});

Deno.test("repairFactSource() cuts as FactRepairs does, so that a deletion matches what was stored", () => {
  for (const source of ["drush", "x".repeat(300), "x".repeat(10_000), "😀".repeat(301), "\u0000"]) {
    const stored = repairFacts([{ ...FACT, source }]);
    const deleted = repairFactSource(source);
    assert.equal(deleted.source, stored.items[0]!.source);
    assert.deepEqual(deleted.warnings, stored.warnings.map((warning) => warning.replace("facts[0].", "")));
  }
  assert.deepEqual(repairFactSource("x".repeat(301)).warnings, ["source: cut to 300 characters"]);
});

Deno.test("characters are code points, not UTF-16 code units", () => {
  const value = "😀".repeat(300);
  assert.deepEqual(repairFacts([{ ...FACT, value }]), { items: [{ ...FACT, value }], warnings: [] });
  assert.equal(repairFacts([{ ...FACT, value: `${value}😀` }]).items[0]!.value, value);
  assert.equal(repairFacts([{ ...FACT, value: `x${value}` }]).items[0]!.value, `x${"😀".repeat(299)}`);
});

Deno.test("facts that become equal by cutting are duplicates", () => {
  const name = "x".repeat(300);
  const { items, warnings } = repairFacts([{ ...FACT, name: `${name}1` }, {
    ...FACT,
    name: `${name}2`,
    value: "w",
  }]);
  assert.deepEqual(items, [{ ...FACT, name, value: "w" }]);
  assert.equal(warnings.at(-1), "facts[0].name: left out, as facts[1] has the same source and name");
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
  const data = nested(1000);
  assert.deepEqual(repairProblems([{ ...PROBLEM, data }]), { items: [{ ...PROBLEM, data }], warnings: [] });
  for (const depth of [1001, 500_000]) {
    const { items, warnings } = repairProblems([{ ...PROBLEM, data: nested(depth) }]);
    assert.equal(JSON.parse(items[0]!.data), nested(depth));
    assert.deepEqual(warnings, ["problems[0].data: nested more than 1000 deep, encoded as a JSON string"]);
  }
});

Deno.test("lone surrogates are replaced in every text", () => {
  const texts = (item: object) => Object.entries(item).filter(([, value]) => typeof value === "string");
  for (const [field] of texts(FACT)) {
    const { items, warnings } = repairFacts([{ ...FACT, [field]: "a\ud83d" }]);
    assert.equal(Reflect.get(items[0]!, field), "a\ufffd");
    assert.deepEqual(warnings, [`facts[0].${field}: characters that are not valid Unicode replaced`]);
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
  const bad = { ...PROBLEM, data: "" };
  assert.equal(repairProblems(Array(50).fill(bad)).warnings.length, 50);
  const { warnings } = repairProblems(Array(53).fill(bad));
  assert.equal(warnings.length, 51);
  assert.equal(warnings.at(-1), "and 3 more");
});
