/**
 * Descriptions of the fields of facts and problems, for `/openapi.json` and the tables in docs/posting.md. The types of the
 * schemas determine the fields.
 *
 * @module
 */
import {
  type Fact,
  FACT_FIELDS as FACT_COLUMNS,
  MAX_SEVERITY_SCORE,
  type Problem,
  PROBLEM_FIELDS as PROBLEM_COLUMNS,
  SEVERITIES,
  type TextField,
} from "../../../lib/insights/fields.ts";
import { DEFAULT_SOURCE } from "../../../lib/insights/repairs.ts";

export interface Field {
  /** Complete sentences. */
  readonly description: string;
  /** A realistic value. */
  readonly example: string | number;
}

function limited<Name extends string>(
  columns: readonly TextField[],
  fields: Readonly<Record<Name, Field>>,
): Readonly<Record<Name, Field>> {
  const limits = new Map(columns.map((column) => [column.name, limitOf(column)]));
  const entries = Object.entries<Field>(fields).map(([name, { description, example }]) =>
    [name, { description: `${description}${limits.get(name) ?? ""}`, example }] as const
  );
  return Object.fromEntries(entries) as Record<Name, Field>;
}

function limitOf({ maxCharacters, maxBytes }: TextField): string {
  if (maxCharacters !== undefined) return ` At most ${maxCharacters} characters.`;
  return maxBytes === undefined ? "" : ` At most ${maxBytes} bytes.`;
}

const sourceRules =
  `A POST replaces everything from the sources that it names. Empty: \`${DEFAULT_SOURCE}\`.`;

/** The fields of a fact. */
export const FACT_FIELDS: Readonly<Record<keyof Fact, Field>> = limited(FACT_COLUMNS, {
  name: {
    description: `The fact's name. If several have the same source and name, the last one counts.`,
    example: "php-version",
  },
  value: { description: `The fact's value.`, example: "8.3.12" },
  source: { description: `What reported the fact. ${sourceRules}`, example: "my-site" },
  description: { description: "For humans.", example: "PHP of the cli image" },
  type: {
    description:
      "How Lagoon shows the value: `TEXT`, `URL` or `SEMVER`. Lower case is corrected, anything else becomes `TEXT`, both with a warning.",
    example: "TEXT",
  },
  category: { description: "The heading under which Lagoon shows it.", example: "Runtime" },
  service: { description: "The environment's service that the fact is about.", example: "cli" },
});

/** The fields of a problem. */
export const PROBLEM_FIELDS: Readonly<Record<keyof Problem, Field>> = limited(PROBLEM_COLUMNS, {
  identifier: {
    description:
      "The problem's identifier, such as a CVE number. If several have the same service, version and identifier, the last one counts.",
    example: "CVE-2021-44228",
  },
  version: { description: "The version that has the problem.", example: "2.14.1" },
  fixedVersion: { description: "The version that fixes it.", example: "2.15.0" },
  source: { description: `What reported the problem. ${sourceRules}`, example: "my-scanner" },
  service: { description: "The environment's affected service.", example: "solr" },
  data: {
    description:
      "Any further data, as a JSON document in a string. Empty: `{}`, with a warning. Anything that is not JSON, or nested more than 31 deep, is encoded as a JSON string, with a warning.",
    example: '{"path":"/opt/solr"}',
  },
  severity: {
    description: `One of ${
      SEVERITIES.map((severity) => `\`${severity}\``).join(", ")
    }. Lower case is corrected, anything else becomes \`UNKNOWN\`, both with a warning.`,
    example: "CRITICAL",
  },
  severityScore: {
    description:
      `The severity as a number, from -${MAX_SEVERITY_SCORE} to ${MAX_SEVERITY_SCORE} in tenths. It is rounded, or left out when it does not fit, with a warning. 0 is the same as no score.`,
    example: 0.9,
  },
  associatedPackage: { description: "The affected package.", example: "log4j-core" },
  description: { description: "For humans.", example: "Remote code execution via logged text" },
  links: { description: "Further information.", example: "https://nvd.nist.gov/vuln/detail/CVE-2021-44228" },
});
