/**
 * Repairs what Lagoon core would otherwise drop without reporting it, and lists the repairs as warnings. Only what
 * needs no guessing is repaired, and the request still succeeds: clients depend on that.
 *
 * @module
 */
import { createHash } from "node:crypto";
import {
  type Fact,
  FACT_FIELDS,
  MAX_FACT_CHARACTERS,
  type Problem,
  PROBLEM_FIELDS,
  SEVERITIES,
  type TextField,
} from "./fields.ts";
import { checkJson } from "./json_text.ts";
import type { Posted } from "./schemas.ts";

/** The source of items that name none. */
export const DEFAULT_SOURCE = "InsightsRemoteWebService";

/** Deepest nesting of a problem's data; other programs parse it, and not all of them without recursion. */
const MAX_DATA_DEPTH = 1000;

/** Number of warnings that are listed. */
export const MAX_WARNINGS = 50;

/** Longest identity of a fact that is remembered without hashing, in UTF-16 code units. */
const MAX_IDENTITY_CHARACTERS = 64;

/** Where an item is, and the list that its warnings go to. */
export interface RepairContext {
  /** Such as `facts[3]`. */
  readonly path: string;
  readonly warnings: Warnings;
}

/** Collects warnings: the first {@link MAX_WARNINGS}, and the number of others. */
export class Warnings {
  readonly #listed: string[] = [];
  #others = 0;

  /** Adds a warning about a field. */
  add(path: string, text: string): void {
    if (this.#listed.length < MAX_WARNINGS) this.#listed.push(`${path}: ${text}`);
    else this.#others++;
  }

  /** One line per warning, and one that counts the others. */
  list(): string[] {
    return this.#others > 0 ? [...this.#listed, `and ${this.#others} more`] : this.#listed;
  }
}

/** Repairs the facts of one list. */
export class FactRepairs<Mark> {
  readonly #warnings: Warnings;
  readonly #drop: (mark: Mark) => void;
  readonly #latest = new Map<string, { readonly index: number; readonly mark: Mark }>();

  /**
   * Starts a list.
   *
   * @param drop Called with the mark of each fact that a later one replaces.
   */
  constructor(warnings: Warnings, drop: (mark: Mark) => void) {
    this.#warnings = warnings;
    this.#drop = drop;
  }

  /** Returns a fact that core can store. */
  repair(original: Posted<Fact>, index: number): Fact {
    const fact = repairTexts(FACT_FIELDS, original, { path: `facts[${index}]`, warnings: this.#warnings });
    fact.source ||= DEFAULT_SOURCE;
    return fact;
  }

  /**
   * Remembers a repaired fact, and drops an earlier one with the same source and name: core stores one value for each,
   * and drops the rest of the batch at the second one.
   */
  remember({ source, name }: Fact, index: number, mark: Mark): void {
    const key = identityKey(JSON.stringify([source, name]));
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

/** Hashes long identities. A hash never equals a short identity, which begins with a bracket. */
function identityKey(identity: string): string {
  if (identity.length <= MAX_IDENTITY_CHARACTERS) return identity;
  return createHash("sha256").update(identity).digest("base64");
}

/** The source of a deletion, as a POST with that source stores it. */
export function repairFactSource(source: string): { source: string; warnings: readonly string[] } {
  const warnings = new Warnings();
  return { source: cut(source, MAX_FACT_CHARACTERS, "source", warnings), warnings: warnings.list() };
}

/** Returns a problem that core can store. */
export function repairProblem(original: Posted<Problem>, context: RepairContext): Problem {
  const texts = repairTexts(PROBLEM_FIELDS, original, context);
  return {
    ...texts,
    severityScore: original.severityScore ?? 0,
    source: texts.source || DEFAULT_SOURCE,
    severity: repairSeverity(texts.severity, context),
    data: repairData(texts.data, context),
  };
}

function repairSeverity(severity: string, { path, warnings }: RepairContext): string {
  if (SEVERITIES.includes(severity)) return severity;
  const upperCase = severity.toUpperCase();
  if (SEVERITIES.includes(upperCase)) {
    warnings.add(`${path}.severity`, "written in upper case");
    return upperCase;
  }
  const mistake = severity === "" ? "missing" : "unknown";
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

/** The texts of an item, empty where it has none. JSON can hold half of a surrogate pair, UTF-8 can't. */
function repairTexts<Name extends string>(
  fields: readonly TextField<Name>[],
  original: Posted<Record<Name, string>>,
  { path, warnings }: RepairContext,
): Record<Name, string> {
  const texts = {} as Record<Name, string>;
  for (const { name, maxCharacters } of fields) {
    let text = original[name] ?? "";
    if (!text.isWellFormed()) {
      text = text.toWellFormed();
      warnings.add(`${path}.${name}`, "characters that are not valid Unicode replaced");
    }
    if (maxCharacters !== undefined) text = cut(text, maxCharacters, `${path}.${name}`, warnings);
    texts[name] = text;
  }
  return texts;
}

/** Cuts a text to a number of characters (code points), each of which has one or two code units. */
function cut(text: string, maxCharacters: number, path: string, warnings: Warnings): string {
  if (text.length <= maxCharacters) return text;
  const first = [...text.slice(0, 2 * maxCharacters)].slice(0, maxCharacters).join("");
  if (first !== text) warnings.add(path, `cut to ${maxCharacters} characters`);
  return first;
}
