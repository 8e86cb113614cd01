/**
 * Writes the documents that come from code: `deno task docs`.
 *
 * @module
 */
import { configurationMarkdown } from "../../lib/config/usage.ts";
import { openApiDocument } from "./openapi/document.ts";

/** Where a document stands. */
export function documentUrl(name: string): URL {
  return new URL(`../../docs/${name}`, import.meta.url);
}

/** docs/openapi.json as it should be. */
export function openApiText(): string {
  return `${JSON.stringify(openApiDocument(), null, 2)}\n`;
}

if (import.meta.main) {
  await Deno.writeTextFile(documentUrl("configuration.md"), configurationMarkdown());
  await Deno.writeTextFile(documentUrl("openapi.json"), openApiText());
}
