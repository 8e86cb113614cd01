/**
 * What each field of a fact and of a problem is for, in the words that clients read: the document at `/openapi.json` and the
 * tables of docs/posting.md. Which fields there are, the types of the schemas say.
 *
 * @module
 */
import { type Fact, MAX_FACT_CHARACTERS, type Problem, SEVERITIES } from "../../../lib/insights/fields.ts";
import { DEFAULT_SOURCE } from "../../../lib/insights/repairs.ts";

/** A field of a request's item. */
export interface Field {
  /** Complete sentences. */
  readonly description: string;
  /** One that a site could send. */
  readonly example: string | number;
}

const cut = `Cut to ${MAX_FACT_CHARACTERS} characters, with a warning.`;
const whoFound = `A POST replaces everything of the sources that it names. Empty: \`${DEFAULT_SOURCE}\`.`;

/** The fields of a fact. */
export const FACT_FIELDS: Readonly<Record<keyof Fact, Field>> = {
  name: {
    description: `What the fact is about. Of several with one source and name the last is taken. ${cut}`,
    example: "php-version",
  },
  value: { description: `What is the case. ${cut}`, example: "8.3.12" },
  source: { description: `What found it out. ${whoFound} ${cut}`, example: "my-site" },
  description: { description: "For people.", example: "PHP of the cli image" },
  type: { description: "How Lagoon shows the value, such as `TEXT`.", example: "TEXT" },
  category: { description: "The heading under which Lagoon shows it.", example: "Runtime" },
  service: { description: "The environment's service that it is about.", example: "cli" },
};

/** The fields of a problem. */
export const PROBLEM_FIELDS: Readonly<Record<keyof Problem, Field>> = {
  identifier: { description: "What the problem is known as.", example: "CVE-2021-44228" },
  version: { description: "The version that has the problem.", example: "2.14.1" },
  fixedVersion: { description: "The version that no longer has it.", example: "2.15.0" },
  source: { description: `What found it. ${whoFound}`, example: "my-scanner" },
  service: { description: "The environment's service that has it.", example: "solr" },
  data: {
    description:
      "Anything more, as a JSON document in a string. Empty: `{}`, with a warning. What is no JSON is encoded as a JSON string, with a warning.",
    example: '{"path":"/opt/solr"}',
  },
  severity: {
    description: `One of ${
      SEVERITIES.map((severity) => `\`${severity}\``).join(", ")
    }. Lower case is mended, anything else becomes \`UNKNOWN\`, both with a warning.`,
    example: "CRITICAL",
  },
  severityScore: { description: "How bad it is, as a number. 0 is the same as none.", example: 0.9 },
  associatedPackage: { description: "The package that has it.", example: "log4j-core" },
  description: { description: "For people.", example: "Remote code execution by a logged text" },
  links: { description: "Where to read more.", example: "https://nvd.nist.gov/vuln/detail/CVE-2021-44228" },
};
