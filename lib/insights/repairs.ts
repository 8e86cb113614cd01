/**
 * Repairs what Lagoon core would otherwise lose without anyone noticing, and says what was repaired. Only what needs
 * no guessing is repaired, and the request still succeeds: clients depend on that.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { checkJson } from "./json_text.ts";
import type { Fact, Problem } from "./messages.ts";
import type { Posted } from "./schemas.ts";

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

/**
 * How deep arrays and objects of a problem's data may be in each other. It is a text to us, but others parse it, not all
 * of them without recursion.
 */
const MAX_DATA_DEPTH = 1000;

/** How many warnings are listed. */
export const MAX_WARNINGS = 50;

/** Longest identity of a fact that is remembered as it is, in UTF-16 code units. */
const MAX_REMEMBERED_CHARACTERS = 64;

/** What one fact is remembered with, in bytes: its identity, a record, and their places in a map. Measured: 150 to 330. */
const REMEMBERED_BYTES = 300;

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

/** Where an item stands, and where its repairs are noted. */
export interface RepairContext {
  /** Such as `facts[3]`. */
  readonly path: string;
  /** Takes what was repaired. */
  readonly warnings: Warnings;
}

/** What was repaired: the first {@link MAX_WARNINGS}, and how many more, so that a bad request's answer stays small. */
export class Warnings {
  readonly #listed: string[] = [];
  #others = 0;

  /** Notes a repair, by where it was made. */
  add(path: string, text: string): void {
    if (this.#listed.length < MAX_WARNINGS) this.#listed.push(`${path}: ${text}`);
    else this.#others++;
  }

  /** One line a repair, naming item and field, and one that counts the rest. */
  list(): string[] {
    return this.#others > 0 ? [...this.#listed, `and ${this.#others} more`] : this.#listed;
  }
}

/** Repairs a list of facts: sources, characters that UTF-8 can't hold, lengths, and facts that come twice. */
export class FactRepairs<Mark> {
  readonly #warnings: Warnings;
  readonly #drop: (mark: Mark) => void;
  readonly #latest = new Map<string, { readonly index: number; readonly mark: Mark }>();

  /** Bytes that the facts so far are remembered with, about. */
  get heldBytes(): number {
    return this.#latest.size * REMEMBERED_BYTES;
  }

  /**
   * Begins a list.
   *
   * @param drop Told the mark of each fact that another one takes the place of.
   */
  constructor(warnings: Warnings, drop: (mark: Mark) => void) {
    this.#warnings = warnings;
    this.#drop = drop;
  }

  /** Forgets all facts. */
  clear(): void {
    this.#latest.clear();
  }

  /** Gives a fact as it can be sent. */
  repair(original: Posted<Fact>, index: number): Fact {
    const context = { path: `facts[${index}]`, warnings: this.#warnings };
    const fact = wellFormed(original, FACT_TEXTS, context);
    fact.source ||= DEFAULT_SOURCE;
    for (const field of LIMITED_FACT_TEXTS) {
      if (fact[field].length <= MAX_FACT_CHARACTERS) continue;
      fact[field] = cutText(fact[field], { ...context, path: `${context.path}.${field}` });
    }
    return fact;
  }

  /**
   * Notes a repaired fact, and drops the one before it with the same source and name: core stores one value for each, and
   * gives up on the rest of a batch at the second one.
   */
  remember({ source, name }: Fact, index: number, mark: Mark): void {
    // With the length, no two pairs are written alike.
    const key = identityOf(`${source.length} ${source}${name}`);
    const before = this.#latest.get(key);
    this.#latest.set(key, { index, mark });
    if (before === undefined) return;
    this.#drop(before.mark);
    this.#warnings.add(
      `facts[${before.index}].name`,
      `left out, as facts[${index}] has the same source and name`,
    );
  }
}

/** Long identities are remembered by their hash, which none that is remembered as it is looks like: it has no space. */
function identityOf(identity: string): string {
  if (identity.length <= MAX_REMEMBERED_CHARACTERS) return identity;
  return createHash("sha256").update(identity).digest("base64");
}

/** The source of a deletion of facts, as it was stored when they were posted; well-formed Unicode. */
export function repairFactSource(source: string): { source: string; warnings: readonly string[] } {
  const warnings = new Warnings();
  return { source: cutText(source, { path: "source", warnings }), warnings: warnings.list() };
}

/** Repairs a problem: its source, characters that UTF-8 can't hold, severity, data. */
export function repairProblem(original: Posted<Problem>, context: RepairContext): Problem {
  const texts = wellFormed(original, PROBLEM_TEXTS, context);
  const problem = { ...texts, severityScore: original.severityScore ?? 0 };
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
  const verdict = checkJson(data, MAX_DATA_DEPTH);
  if (verdict === "json") return data;
  const mistake = verdict === "too-deep" ? `nested more than ${MAX_DATA_DEPTH} deep` : "not a JSON document";
  warnings.add(`${path}.data`, `${mistake}, encoded as a JSON string`);
  return JSON.stringify(data);
}

/** The texts of an item, empty where there is none. JSON can hold half of a surrogate pair, UTF-8 can't. */
function wellFormed<Field extends string>(
  original: Posted<Record<Field, string>>,
  fields: readonly Field[],
  { path, warnings }: RepairContext,
): Record<Field, string> {
  const texts: Partial<Record<Field, string>> = {};
  for (const field of fields) {
    const text = original[field] ?? "";
    texts[field] = text;
    if (text.isWellFormed()) continue;
    texts[field] = text.toWellFormed();
    warnings.add(`${path}.${field}`, "characters that are not valid Unicode replaced");
  }
  return texts as Record<Field, string>;
}

function cutText(text: string, { path, warnings }: RepairContext): string {
  const cut = firstCharacters(text, MAX_FACT_CHARACTERS);
  if (cut !== text) warnings.add(path, `cut to ${MAX_FACT_CHARACTERS} characters`);
  return cut;
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
