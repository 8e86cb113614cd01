/**
 * Prints the table of lib/insights/collation.ts as MariaDB has it: `deno run --allow-all tests/tools/collation.ts`.
 *
 * @module
 */
import { createCoreDatabase } from "../fixtures/core_database.ts";

/**
 * Words of equal characters, each after the one that it is compared as.
 *
 * @param weights Code points in hexadecimal digits, by character.
 */
export function equalCharacters(weights: ReadonlyMap<string, string>): string {
  const words = new Map<number, string>();
  for (const [character, digits] of weights) {
    const weight = parseInt(digits, 16);
    if (weight === character.charCodeAt(0)) continue;
    words.set(weight, (words.get(weight) ?? String.fromCharCode(weight)) + character);
  }
  return [...words.keys()].sort((one, other) => one - other).map((weight) => words.get(weight)).join(" ");
}

if (import.meta.main) {
  await using database = await createCoreDatabase();
  const words = equalCharacters(await database.readWeights());
  // Characters that editors may not show are escaped.
  const escaped = words.replace(
    /[^\p{L}\p{N} ]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  await Deno.stdout.write(new TextEncoder().encode(`const EQUAL = "${escaped}";\n`));
}
