/**
 * The tables of docs/posting.md, generated from the same sources as docs/openapi.json.
 *
 * @module
 */
import { OPTIONS } from "../../lib/config/options.ts";
import { MAX_WARNINGS } from "../../lib/insights/repairs.ts";
import { FAILURES } from "./openapi/failures.ts";
import { schemas } from "./openapi/schemas.ts";

type Row = readonly string[];

const TABLES: Readonly<Record<string, () => Row[]>> = {
  "fields of facts": () => fieldRows("Fact"),
  "fields of problems": () => fieldRows("Problem"),
  "limits": limitRows,
  "failures": failureRows,
};

/**
 * Inserts the tables into the document, between a comment with the table's name and `<!-- end -->`.
 *
 * @throws {TypeError} If the comment of a table is missing.
 */
export function withTables(markdown: string): string {
  return Object.entries(TABLES).reduce((text, [name, rows]) => {
    const section = new RegExp(`(<!-- ${name}: [^>]*-->\n).*?(<!-- end -->)`, "s");
    if (!section.test(text)) {
      throw new TypeError(`Cannot write the table: the document lacks the comment "${name}"`);
    }
    return text.replace(section, (_, begin, end) => `${begin}\n${table(rows())}\n\n${end}`);
  }, markdown);
}

interface ItemSchema {
  readonly properties: Readonly<Record<string, { readonly type: unknown; readonly description: string }>>;
  readonly required: readonly string[];
}

function fieldRows(name: string): Row[] {
  const { properties, required } = schemas()[name] as unknown as ItemSchema;
  const rows = Object.entries(properties).map(([field, { type, description }]) => [
    `\`${field}\``,
    [type].flat().filter((each) => each !== "null").join(", ") +
    (required.includes(field) ? ", required" : ""),
    description,
  ]);
  return [["field", "type", "meaning"], ...rows];
}

function limitRows(): Row[] {
  const { maxBodyBytes, maxItems, maxItemBytes, maxJsonDepth, requestTimeoutMs } = OPTIONS.web;
  return [
    ["limit", "default", "response"],
    ["body, in bytes", maxBodyBytes.defaultText, "413"],
    ["facts or problems in a request", maxItems.defaultText, "413"],
    ["a fact or problem, in bytes", maxItemBytes.defaultText, "413"],
    ["nesting of arrays and objects", maxJsonDepth.defaultText, "400"],
    ["time for a whole request, in seconds", requestTimeoutMs.defaultText, "408"],
    ["warnings in a response", String(MAX_WARNINGS), "the rest is counted"],
  ];
}

function failureRows(): Row[] {
  const rows = Object.values(FAILURES).map((
    { code, status, message, remedy },
  ) => [String(code), `\`${status}\``, message, remedy]);
  return [["code", "`status`", "`message`", "what to do"], ...rows];
}

/** Formats a table like `deno fmt`. */
function table(rows: readonly Row[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const line = (row: Row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const [head, ...body] = rows;
  return [line(head!), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}
