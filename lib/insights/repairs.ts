/**
 * Repairs what Lagoon core would otherwise drop without reporting it, and lists the repairs as warnings. Only what
 * needs no guessing is repaired, and the request still succeeds: clients depend on that.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { collationKey } from "./collation.ts";
import {
  DATA,
  type Fact,
  FACT_FIELDS,
  FACT_TYPE,
  MAX_SEVERITY_SCORE,
  type Problem,
  PROBLEM_FIELDS,
  SEVERITY,
  type TextField,
} from "./fields.ts";
import { checkJson } from "./json_text.ts";
import type { Posted } from "./schemas.ts";

/** The source of items that name none. */
export const DEFAULT_SOURCE = "InsightsRemoteWebService";

/** Number of warnings that are listed. */
export const MAX_WARNINGS = 50;

/** Longest identity of an item that is remembered without hashing, in UTF-16 code units. */
const MAX_IDENTITY_CHARACTERS = 64;

/** Where an item is, and the list that its warnings go to. */
export interface RepairContext {
  /** Such as `facts[3]`; an item that is not in a list has none. */
  readonly path?: string;
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

/** Leaves out all but the last of several items that are the same one to core, which would refuse the second. */
export class LatestItems<Name extends string, Mark> {
  readonly #list: string;
  readonly #fields: readonly Name[];
  readonly #warnings: Warnings;
  readonly #drop: (mark: Mark) => void;
  readonly #latest = new Map<string, { readonly index: number; readonly mark: Mark }>();

  /**
   * Starts a list.
   *
   * @param list Its name in the HTTP API.
   * @param drop Called with the mark of each item that a later one replaces.
   */
  constructor(
    list: string,
    fields: readonly TextField<Name>[],
    warnings: Warnings,
    drop: (mark: Mark) => void,
  ) {
    this.#list = list;
    this.#fields = fields.filter(({ isIdentity }) => isIdentity).map(({ name }) => name);
    this.#warnings = warnings;
    this.#drop = drop;
  }

  /** Remembers a repaired item, and drops an earlier one with the same identity. */
  remember(item: Readonly<Record<Name, string>>, index: number, mark: Mark): void {
    const key = identityKey(JSON.stringify(this.#fields.map((name) => collationKey(item[name]))));
    const before = this.#latest.get(key);
    this.#latest.set(key, { index, mark });
    if (before === undefined) return;
    this.#drop(before.mark);
    this.#warnings.add(
      `${this.#list}[${before.index}].${this.#fields[0]}`,
      `left out, as ${this.#list}[${index}] has the same ${this.#fields.join(", ")}: ` +
        "Lagoon core ignores case, accents and blanks at the end",
    );
  }
}

/** Hashes long identities. A hash never equals a short identity, which begins with a bracket. */
function identityKey(identity: string): string {
  if (identity.length <= MAX_IDENTITY_CHARACTERS) return identity;
  return createHash("sha256").update(identity).digest("base64");
}

/** A fact that core can store. */
export function repairFact(original: Posted<Fact>, context: RepairContext): Fact {
  const fact = repairTexts(FACT_FIELDS, original, context);
  fact.source ||= DEFAULT_SOURCE;
  if (fact.type !== "") fact.type = repairValue(FACT_TYPE, fact.type, context);
  return fact;
}

/** Source and service of a deletion, as a POST with them stores them. */
export function repairDeletion(
  fields: typeof FACT_FIELDS | typeof PROBLEM_FIELDS,
  posted: { readonly source: string; readonly service: string },
): { source: string; service: string; warnings: readonly string[] } {
  const warnings = new Warnings();
  const named = fields.filter(({ name }) => name === "source" || name === "service");
  const { source, service } = repairTexts(named as TextField<"source" | "service">[], posted, { warnings });
  return { source, service, warnings: warnings.list() };
}

/** A problem that core can store. */
export function repairProblem(original: Posted<Problem>, context: RepairContext): Problem {
  const texts = repairTexts(PROBLEM_FIELDS, original, context);
  return {
    ...texts,
    severityScore: repairScore(original.severityScore ?? 0, context),
    source: texts.source || DEFAULT_SOURCE,
    severity: repairValue(SEVERITY, texts.severity, context),
    data: repairData(texts.data, context),
  };
}

function repairScore(score: number, context: RepairContext): number {
  const rounded = Math.sign(score) * Math.round(10 * Math.abs(score)) / 10;
  if (Math.abs(rounded) > MAX_SEVERITY_SCORE) {
    warn(context, "severityScore", `left out, as it must be at most ${MAX_SEVERITY_SCORE}`);
    return 0;
  }
  if (rounded !== score) warn(context, "severityScore", `rounded to ${rounded}, as it is stored in tenths`);
  return rounded;
}

function repairValue(
  { name, values, fallback }: TextField & { readonly values: readonly string[]; readonly fallback: string },
  value: string,
  context: RepairContext,
): string {
  if (values.includes(value)) return value;
  const upperCase = value.toUpperCase();
  if (values.includes(upperCase)) {
    warn(context, name, "written in upper case");
    return upperCase;
  }
  const mistake = value === "" ? "missing" : "unknown";
  warn(context, name, `${mistake}, set to ${fallback}; use one of ${values.join(", ")}`);
  return fallback;
}

/** MariaDB reads escapes of a pair of surrogates, and refuses one alone. The other matches are skipped. */
const SURROGATE_ESCAPES = /\\u[Dd][89ABab]..\\u[Dd][C-Fc-f]..|\\u[Dd][89A-Fa-f]..|\\[^]/g;

function repairData(data: string, context: RepairContext): string {
  if (data === "") {
    warn(context, "data", "missing, set to {}");
    return "{}";
  }
  const { maxJsonDepth } = DATA;
  const verdict = checkJson(data, maxJsonDepth);
  if (verdict !== "json") {
    const mistake = verdict === "too-deep" ? `nested more than ${maxJsonDepth} deep` : "not a JSON document";
    warn(context, "data", `${mistake}, encoded as a JSON string`);
    return JSON.stringify(data);
  }
  if (!/\\u[Dd]/.test(data)) return data;
  const whole = data.replace(SURROGATE_ESCAPES, (found) => /^\\u....$/.test(found) ? "\\ufffd" : found);
  if (whole !== data) warn(context, "data", INVALID_UNICODE);
  return whole;
}

const INVALID_UNICODE = "characters that are not valid Unicode replaced";

/** The texts of an item, empty where it has none. JSON can hold half of a surrogate pair, UTF-8 can't. */
function repairTexts<Name extends string>(
  fields: readonly TextField<Name>[],
  original: Posted<Record<Name, string>>,
  context: RepairContext,
): Record<Name, string> {
  const texts = {} as Record<Name, string>;
  for (const field of fields) {
    let text = original[field.name] ?? "";
    if (!text.isWellFormed()) {
      text = text.toWellFormed();
      warn(context, field.name, INVALID_UNICODE);
    }
    texts[field.name] = field.maxJsonDepth === undefined ? fit(text, field, context) : text;
  }
  return texts;
}

/** The part of a text that its column stores. */
function fit(text: string, { name, maxCharacters, maxBytes, isIdentity }: TextField, context: RepairContext) {
  let fitting = text;
  // In well-formed text, surrogates stand for characters above U+FFFF.
  if (/[\ud800-\udbff]/.test(text)) {
    fitting = text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, "\ufffd");
    warn(context, name, "characters above U+FFFF, such as emoji, replaced");
  }
  // Each character that is left has one code unit.
  if (maxCharacters !== undefined && fitting.length > maxCharacters) {
    fitting = fitting.slice(0, maxCharacters);
    const effect = isIdentity ? "; it is part of an identity" : "";
    warn(context, name, `cut to ${maxCharacters} characters${effect}`);
  } else if (maxBytes !== undefined && fitting.length > maxBytes / 3) {
    const { read } = new TextEncoder().encodeInto(fitting, new Uint8Array(maxBytes));
    if (read < fitting.length) {
      fitting = fitting.slice(0, read);
      warn(context, name, `cut to ${maxBytes} bytes`);
    }
  }
  return fitting;
}

function warn({ path, warnings }: RepairContext, field: string, text: string): void {
  warnings.add(path === undefined ? field : `${path}.${field}`, text);
}
