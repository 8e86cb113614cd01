/**
 * Repairs what Lagoon core would otherwise lose without anyone noticing, and says what was repaired. Only what needs
 * no guessing is repaired, and the request still succeeds: clients depend on that.
 *
 * @module
 */
import type { Fact, Problem } from "./messages.ts";

/** Items as they can be sent. */
export interface Repaired<Item> {
  /** In the order of the request. */
  readonly items: readonly Item[];
  /** One line a repair, naming item and field; at most {@link MAX_WARNINGS}, and one that counts the rest. */
  readonly warnings: readonly string[];
}

/** Source of what a client posts without naming one. */
export const DEFAULT_SOURCE = "InsightsRemoteWebService";

/** The severities that core knows; a problem with another is refused where nobody sees it. */
export const SEVERITIES: readonly string[] = [
  "NONE",
  "UNKNOWN",
  "NEGLIGIBLE",
  "LOW",
  "MEDIUM",
  "HIGH",
  "CRITICAL",
];

/** Longest name, value and source of a fact, in characters (code points): the width of core's columns. */
export const MAX_FACT_CHARACTERS = 300;

/** How many warnings are listed. */
export const MAX_WARNINGS = 50;

const FACT_TEXTS = ["name", "value", "source", "description", "type", "category", "service"] as const;
const LIMITED_FACT_TEXTS = ["name", "value", "source"] as const;
const PROBLEM_TEXTS = [
  "identifier",
  "version",
  "fixedVersion",
  "source",
  "service",
  "data",
  "severity",
  "associatedPackage",
  "description",
  "links",
] as const;

/** Repairs facts: sources, characters that UTF-8 can't hold, lengths, duplicates. */
export function repairFacts(facts: readonly Fact[]): Repaired<Fact> {
  const warnings = new Warnings();
  const repaired = facts.map((fact, index) => repairFact(fact, { path: `facts[${index}]`, warnings }));
  // After the cutting, which can make two facts equal.
  const items = lastOfEach(repaired, warnings);
  return { items, warnings: warnings.list() };
}

/** Repairs problems: sources, characters that UTF-8 can't hold, severities, data. */
export function repairProblems(problems: readonly Problem[]): Repaired<Problem> {
  const warnings = new Warnings();
  const items = problems.map((problem, index) =>
    repairProblem(problem, { path: `problems[${index}]`, warnings })
  );
  return { items, warnings: warnings.list() };
}

/** Where an item stands, and where its repairs are noted. */
interface RepairContext {
  readonly path: string;
  readonly warnings: Warnings;
}

/** Keeps the first warnings and counts the others, so that a bad request's answer stays small. */
class Warnings {
  readonly #listed: string[] = [];
  #others = 0;

  add(path: string, text: string): void {
    if (this.#listed.length < MAX_WARNINGS) this.#listed.push(`${path}: ${text}`);
    else this.#others++;
  }

  list(): string[] {
    return this.#others > 0 ? [...this.#listed, `and ${this.#others} more`] : this.#listed;
  }
}

function repairFact(original: Fact, context: RepairContext): Fact {
  const fact = wellFormed(original, FACT_TEXTS, context);
  fact.source ||= DEFAULT_SOURCE;
  for (const field of LIMITED_FACT_TEXTS) {
    const cut = firstCharacters(fact[field], MAX_FACT_CHARACTERS);
    if (cut === fact[field]) continue;
    fact[field] = cut;
    context.warnings.add(`${context.path}.${field}`, `cut to ${MAX_FACT_CHARACTERS} characters`);
  }
  return fact;
}

function repairProblem(original: Problem, context: RepairContext): Problem {
  const problem = wellFormed(original, PROBLEM_TEXTS, context);
  problem.source ||= DEFAULT_SOURCE;
  problem.severity = repairSeverity(problem.severity, context);
  problem.data = repairData(problem.data, context);
  return problem;
}

function repairSeverity(severity: string, { path, warnings }: RepairContext): string {
  if (SEVERITIES.includes(severity)) return severity;
  const upperCase = severity.toUpperCase();
  if (SEVERITIES.includes(upperCase)) {
    warnings.add(`${path}.severity`, "written in upper case");
    return upperCase;
  }
  const mistake = severity === "" ? "missing" : "none of the severities";
  warnings.add(`${path}.severity`, `${mistake}, set to UNKNOWN; use one of ${SEVERITIES.join(", ")}`);
  return "UNKNOWN";
}

function repairData(data: string, { path, warnings }: RepairContext): string {
  if (data === "") {
    warnings.add(`${path}.data`, "missing, set to {}");
    return "{}";
  }
  try {
    JSON.parse(data);
    return data;
  } catch {
    warnings.add(`${path}.data`, "not a JSON document, encoded as a JSON string");
    return JSON.stringify(data);
  }
}

/** JSON can hold half of a surrogate pair, UTF-8 can't. */
function wellFormed<Item extends Readonly<Record<Field, string>>, Field extends string>(
  original: Item,
  fields: readonly Field[],
  { path, warnings }: RepairContext,
): { -readonly [Key in keyof Item]: Item[Key] } {
  const changes: Partial<Record<Field, string>> = {};
  for (const field of fields) {
    if (original[field].isWellFormed()) continue;
    changes[field] = original[field].toWellFormed();
    warnings.add(`${path}.${field}`, "characters that are not valid Unicode replaced");
  }
  return { ...original, ...changes };
}

/** Core stores one value for each source and name, and gives up on the rest of a batch at the second one. */
function lastOfEach(facts: readonly Fact[], warnings: Warnings): Fact[] {
  const key = ({ source, name }: Fact) => JSON.stringify([source, name]);
  const lastIndex = new Map(facts.map((fact, index) => [key(fact), index]));
  return facts.filter((fact, index) => {
    const last = lastIndex.get(key(fact));
    if (last === index) return true;
    warnings.add(`facts[${index}].name`, `left out, as facts[${last}] has the same source and name`);
    return false;
  });
}

function firstCharacters(text: string, count: number): string {
  // Characters are never more than code units.
  if (text.length <= count) return text;
  let end = 0;
  for (let taken = 0; taken < count && end < text.length; taken++) {
    end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
  }
  return text.slice(0, end);
}
