/**
 * Writes docs/configuration.md from the table of options: `deno task docs`.
 *
 * @module
 */
import { configurationMarkdown } from "../../lib/config/usage.ts";

/** Where the document stands. */
export const CONFIGURATION_DOCUMENT: URL = new URL("../../docs/configuration.md", import.meta.url);

if (import.meta.main) await Deno.writeTextFile(CONFIGURATION_DOCUMENT, configurationMarkdown());
