/**
 * The fields of facts and problems, in the order of a message, and how much of each Lagoon core stores: repairs, the API
 * description and the tables of docs/posting.md come from here. Core drops what does not fit without reporting it.
 *
 * @module
 */

/** A text field, and the column that core stores it in. */
export interface TextField<Name extends string = string> {
  readonly name: Name;
  /** Width of a varchar column, in characters. */
  readonly maxCharacters?: number;
  /** Size of a text column, in bytes of UTF-8. */
  readonly maxBytes?: number;
  /** Deepest nesting of a JSON column, the only kind that stores characters above U+FFFF. */
  readonly maxJsonDepth?: number;
  /** The only values that core accepts. */
  readonly values?: readonly string[];
  /** Stands for all other values. */
  readonly fallback?: string;
  /** Core stores one item for each combination of these fields. */
  readonly isIdentity?: true;
}

const TEXT_BYTES = 65_535;

/** A fact's type; empty for none. */
export const FACT_TYPE = { name: "type", values: ["TEXT", "URL", "SEMVER"], fallback: "TEXT" } as const;

/** The fields of a fact. */
export const FACT_FIELDS = [
  { name: "name", maxCharacters: 300, isIdentity: true },
  { name: "value", maxCharacters: 300 },
  { name: "source", maxCharacters: 300, isIdentity: true },
  { name: "description", maxBytes: TEXT_BYTES },
  FACT_TYPE,
  { name: "category", maxBytes: TEXT_BYTES },
  { name: "service", maxCharacters: 300 },
] as const satisfies readonly TextField[];

/** The severities that core accepts. */
export const SEVERITIES = [
  "NONE",
  "UNKNOWN",
  "NEGLIGIBLE",
  "LOW",
  "MEDIUM",
  "HIGH",
  "CRITICAL",
] as const;

/** A problem's severity. */
export const SEVERITY = { name: "severity", values: SEVERITIES, fallback: "UNKNOWN" } as const;

/** A problem's data, a JSON document. */
export const DATA = { name: "data", maxJsonDepth: 31 } as const;

/** The fields of a problem, apart from its `severityScore`. */
export const PROBLEM_FIELDS = [
  { name: "identifier", maxCharacters: 100, isIdentity: true },
  { name: "version", maxCharacters: 100, isIdentity: true },
  { name: "fixedVersion", maxCharacters: 300 },
  { name: "source", maxCharacters: 300 },
  { name: "service", maxCharacters: 100, isIdentity: true },
  DATA,
  SEVERITY,
  { name: "associatedPackage", maxCharacters: 300 },
  { name: "description", maxBytes: TEXT_BYTES },
  { name: "links", maxCharacters: 300 },
] as const satisfies readonly TextField[];

/** Core stores a `severityScore` in tenths, and refuses one that it would round to more than this. */
export const MAX_SEVERITY_SCORE = 0.9;

/** One fact; a field that the client left out is empty. */
export type Fact = Readonly<Record<(typeof FACT_FIELDS)[number]["name"], string>>;

/** One problem; a field that the client left out is empty, or 0. */
export type Problem =
  & Readonly<Record<(typeof PROBLEM_FIELDS)[number]["name"], string>>
  & { readonly severityScore: number };
