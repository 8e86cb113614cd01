/**
 * The fields of facts and problems, in the order of a message, and how much of each Lagoon core stores. Core drops what
 * does not fit without reporting it (docs/protocol.md, "Messages").
 *
 * @module
 */

/** A text field. */
export interface TextField<Name extends string = string> {
  readonly name: Name;
  /** In characters (code points); a longer text is cut. */
  readonly maxCharacters?: number;
}

/** The width of core's columns for a fact's name, value and source. */
export const MAX_FACT_CHARACTERS = 300;

/** The fields of a fact. */
export const FACT_FIELDS = [
  { name: "name", maxCharacters: MAX_FACT_CHARACTERS },
  { name: "value", maxCharacters: MAX_FACT_CHARACTERS },
  { name: "source", maxCharacters: MAX_FACT_CHARACTERS },
  { name: "description" },
  { name: "type" },
  { name: "category" },
  { name: "service" },
] as const satisfies readonly TextField[];

/** The fields of a problem, apart from its `severityScore`. */
export const PROBLEM_FIELDS = [
  { name: "identifier" },
  { name: "version" },
  { name: "fixedVersion" },
  { name: "source" },
  { name: "service" },
  { name: "data" },
  { name: "severity" },
  { name: "associatedPackage" },
  { name: "description" },
  { name: "links" },
] as const satisfies readonly TextField[];

/** The severities that core accepts. */
export const SEVERITIES: readonly string[] = [
  "NONE",
  "UNKNOWN",
  "NEGLIGIBLE",
  "LOW",
  "MEDIUM",
  "HIGH",
  "CRITICAL",
];

/** One fact; a field that the client left out is empty. */
export type Fact = Readonly<Record<(typeof FACT_FIELDS)[number]["name"], string>>;

/** One problem; a field that the client left out is empty, or 0. */
export type Problem =
  & Readonly<Record<(typeof PROBLEM_FIELDS)[number]["name"], string>>
  & { readonly severityScore: number };
