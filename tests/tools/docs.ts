/**
 * Writes the documents that come from code: `deno task docs`.
 *
 * @module
 */
import { configurationMarkdown } from "../../lib/config/usage.ts";
import { openApiDocument } from "./openapi/document.ts";
import { withTables } from "./posting_tables.ts";

/** Where a document stands. */
export function documentUrl(name: string): URL {
  return new URL(`../../docs/${name}`, import.meta.url);
}

/** docs/openapi.json as it should be. */
export function openApiText(): string {
  return `${JSON.stringify(openApiDocument(), null, 2)}\n`;
}

/** docs/posting.md as it should be: with the tables that come from code. */
export async function postingText(): Promise<string> {
  return withTables(await Deno.readTextFile(documentUrl("posting.md")));
}

if (import.meta.main) {
  await Deno.writeTextFile(documentUrl("configuration.md"), configurationMarkdown());
  await Deno.writeTextFile(documentUrl("openapi.json"), openApiText());
  await Deno.writeTextFile(documentUrl("posting.md"), await postingText());
}
