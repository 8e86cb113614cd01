import assert from "node:assert/strict";
import { AppError } from "../../../lib/errors.ts";
import {
  deleteFactsMessage,
  deleteProblemsMessage,
  factsMessage,
  problemsMessage,
} from "../../../lib/insights/direct_messages.ts";
import type { Fact, Problem } from "../../../lib/insights/messages.ts";

const ENVIRONMENT = {
  namespace: "proj-main",
  environmentId: "3",
  projectName: "proj",
  environmentName: "main",
};
const FACT: Fact = {
  name: "n",
  value: "",
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
  source: "",
  service: "",
  data: "{}",
  severity: "",
  severityScore: 0,
  associatedPackage: "",
  description: "",
  links: "",
};

Deno.test("factsMessage() writes all ten fields of a fact, empty ones too", () => {
  const [fact] = factsMessage(ENVIRONMENT, [FACT]).facts;
  assert.deepEqual(Object.keys(fact!), [
    "environment",
    "projectName",
    "environmentName",
    "name",
    "value",
    "source",
    "description",
    "type",
    "category",
    "service",
  ]);
});

Deno.test("factsMessage() takes nothing from a fact but its own fields", () => {
  const hostile = { ...FACT, environment: "9", projectName: "other", environmentName: "other", more: 1 };
  assert.deepEqual(factsMessage(ENVIRONMENT, [hostile]), factsMessage(ENVIRONMENT, [FACT]));
});

Deno.test("problemsMessage() leaves out empty optional fields, and keeps the others in order", () => {
  const full = Object.fromEntries(Object.keys(PROBLEM).map((field) => [field, field])) as unknown as Problem;
  const { problems } = problemsMessage(ENVIRONMENT, [PROBLEM, { ...full, severityScore: 0.7 }]);
  assert.deepEqual(problems[0], { environment: 3, identifier: "i", data: "{}" });
  assert.deepEqual(Object.keys(problems[1]!), ["environment", ...Object.keys(PROBLEM)]);
  assert.equal(problems[1]!.severityScore, 0.7);
});

Deno.test("deleteFactsMessage() and deleteProblemsMessage() have an empty service when none is named", () => {
  assert.equal(deleteFactsMessage(ENVIRONMENT, "s").service, "");
  assert.equal(deleteProblemsMessage(ENVIRONMENT, "s").service, "");
  assert.equal(deleteFactsMessage(ENVIRONMENT, "s", "cli").service, "cli");
});

Deno.test("Every direct message refuses an environment id that JSON can't carry as an integer", () => {
  for (const environmentId of ["", "main", "-1", "3.0", "1e3", "0x3", " 3", "９", "9007199254740993"]) {
    const environment = { ...ENVIRONMENT, environmentId };
    for (
      const make of [
        () => factsMessage(environment, []),
        () => problemsMessage(environment, []),
        () => deleteFactsMessage(environment, "s"),
        () => deleteProblemsMessage(environment, "s"),
      ]
    ) {
      assert.throws(
        make,
        (error) => error instanceof AppError && error.code === "environment-id",
        environmentId,
      );
    }
  }
});

Deno.test("An environment id is the same number wherever a message holds it", () => {
  for (
    const [environmentId, number] of [["0", 0], ["007", 7], ["9007199254740991", 9007199254740991]] as const
  ) {
    const environment = { ...ENVIRONMENT, environmentId };
    const message = factsMessage(environment, [FACT]);
    assert.equal(message.environment, number);
    assert.equal(message.facts[0]!.environment, String(number));
    assert.equal(problemsMessage(environment, [PROBLEM]).problems[0]!.environment, number);
  }
});
