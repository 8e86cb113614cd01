import assert from "node:assert/strict";
import { AppError, TerminalError } from "../../../lib/errors.ts";
import {
  deleteFactsMessage,
  deleteProblemsMessage,
  encodeMessage,
  factEntry,
  listHeader,
  MAX_MESSAGE_BYTES,
  problemEntry,
} from "../../../lib/insights/messages.ts";
import type { Fact, Problem } from "../../../lib/insights/fields.ts";

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

Deno.test("factEntry() has all ten fields of a fact, including empty ones", () => {
  assert.deepEqual(Object.keys(factEntry(listHeader(ENVIRONMENT), FACT)), [
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

Deno.test("factEntry() ignores unknown fields, and fields that name an environment", () => {
  const hostile = { ...FACT, environment: "9", projectName: "other", environmentName: "other", more: 1 };
  const header = listHeader(ENVIRONMENT);
  assert.deepEqual(factEntry(header, hostile), factEntry(header, FACT));
});

Deno.test("problemEntry() omits empty optional fields, and keeps all others", () => {
  const full = Object.fromEntries(Object.keys(PROBLEM).map((field) => [field, field])) as unknown as Problem;
  assert.deepEqual(problemEntry(3, PROBLEM), { environment: 3, identifier: "i", data: "{}" });
  const entry = problemEntry(3, { ...full, severityScore: 0.7 });
  assert.deepEqual(entry, { environment: 3, ...full, severityScore: 0.7 });
});

Deno.test("a deletion without a service has an empty service", () => {
  assert.equal(deleteFactsMessage(ENVIRONMENT, "s").service, "");
  assert.equal(deleteProblemsMessage(ENVIRONMENT, "s").service, "");
  assert.equal(deleteFactsMessage(ENVIRONMENT, "s", "cli").service, "cli");
});

Deno.test("no direct message takes an environment id that JSON can't represent as an integer", () => {
  for (const environmentId of ["", "main", "-1", "3.0", "1e3", "0x3", " 3", "９", "9007199254740993"]) {
    const environment = { ...ENVIRONMENT, environmentId };
    for (
      const make of [
        () => listHeader(environment),
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

Deno.test("an environment id is the same number everywhere in a message", () => {
  for (
    const [environmentId, number] of [["0", 0], ["007", 7], ["9007199254740991", 9007199254740991]] as const
  ) {
    const environment = { ...ENVIRONMENT, environmentId };
    const header = listHeader(environment);
    assert.equal(header.environment, number);
    assert.equal(factEntry(header, FACT).environment, String(number));
    assert.equal(problemEntry(header.environment, PROBLEM).environment, number);
  }
});

const DELETION = { type: "direct.delete.facts", environment: 3, service: "" } as const;

Deno.test("encodeMessage() writes JSON in UTF-8", () => {
  const body = encodeMessage({ ...DELETION, source: "é😀" });
  assert.equal(
    new TextDecoder().decode(body),
    '{"type":"direct.delete.facts","environment":3,"service":"","source":"é😀"}',
  );
});

Deno.test("encodeMessage() accepts exactly MAX_MESSAGE_BYTES, and rejects more", () => {
  const empty = encodeMessage({ ...DELETION, source: "" }).length;
  const source = "x".repeat(MAX_MESSAGE_BYTES - empty);
  assert.equal(encodeMessage({ ...DELETION, source }).length, MAX_MESSAGE_BYTES);
  assert.throws(
    () => encodeMessage({ ...DELETION, source: `${source}x` }),
    (error) => error instanceof TerminalError && error.code === "message-too-large",
  );
});
