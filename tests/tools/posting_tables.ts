/**
 * The tables of docs/posting.md, from the same places as docs/openapi.json.
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
 * Puts the tables into the document, between a comment with the table's name and `<!-- end -->`.
 *
 * @throws {TypeError} When a table has no place.
 */
export function withTables(markdown: string): string {
  return Object.entries(TABLES).reduce((text, [name, rows]) => {
    const place = new RegExp(`(<!-- ${name}: [^>]*-->\n).*?(<!-- end -->)`, "s");
    if (!place.test(text)) throw new TypeError(`Cannot write the table as the document must have "${name}"`);
    return text.replace(place, (_, begin, end) => `${begin}\n${table(rows())}\n\n${end}`);
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
    ["limit", "default", "answer"],
    ["body, in bytes", maxBodyBytes.defaultText, "413"],
    ["facts or problems in a request", maxItems.defaultText, "413"],
    ["a fact or problem, in bytes", maxItemBytes.defaultText, "413"],
    ["arrays and objects in each other", maxJsonDepth.defaultText, "400"],
    ["time for a whole request, in seconds", requestTimeoutMs.defaultText, "408"],
    ["warnings in an answer", String(MAX_WARNINGS), "the others are counted"],
  ];
}

function failureRows(): Row[] {
  const rows = Object.values(FAILURES).map((
    { code, status, message, remedy },
  ) => [String(code), `\`${status}\``, message, remedy]);
  return [["code", "`status`", "`message`", "what to do"], ...rows];
}

/** As the formatter would write it. */
function table(rows: readonly Row[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const line = (row: Row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const [head, ...body] = rows;
  return [line(head!), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}
