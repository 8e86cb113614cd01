/**
 * Generates documents from code: `deno task docs`.
 *
 * @module
 */
import { configurationMarkdown } from "./configuration.ts";
import { openApiDocument } from "./openapi/document.ts";
import { withTables } from "./posting_tables.ts";

/** The URL of a document. */
export function documentUrl(name: string): URL {
  return new URL(`../../docs/${name}`, import.meta.url);
}

/** The content of docs/openapi.json. */
export function openApiText(): string {
  return `${JSON.stringify(openApiDocument(), null, 2)}\n`;
}

/** docs/posting.md with its generated tables up to date. */
export async function postingText(): Promise<string> {
  return withTables(await Deno.readTextFile(documentUrl("posting.md")));
}

if (import.meta.main) {
  await Deno.writeTextFile(documentUrl("configuration.md"), configurationMarkdown());
  await Deno.writeTextFile(documentUrl("openapi.json"), openApiText());
  await Deno.writeTextFile(documentUrl("posting.md"), await postingText());
}
