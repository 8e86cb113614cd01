import assert from "node:assert/strict";
import { ALL_OPTIONS } from "../../../lib/config/options.ts";
import { usage } from "../../../lib/config/usage.ts";
import { configurationMarkdown } from "../../tools/configuration.ts";

const DOCUMENT = new URL("../../../docs/configuration.md", import.meta.url);

Deno.test("usage() shows the flag, variable and default of each option", () => {
  const text = usage().replace(/\s+/g, " ");
  for (const { flag, env, defaultText } of ALL_OPTIONS) {
    const entry = text.slice(text.indexOf(` --${flag} `));
    assert.ok(text.includes(` --${flag} `), flag);
    assert.ok(entry.includes(`${env}: `), env);
    if (defaultText !== "") assert.ok(entry.includes(`(default ${defaultText})`), flag);
  }
});

Deno.test("configurationMarkdown() has a row for each option", () => {
  const rows = configurationMarkdown().split("\n").filter((line) => line.startsWith("| `"));
  const expected = ALL_OPTIONS.map(({ env, flag }) => `| \`${env}\` | \`${flag}\` |`);
  assert.equal(rows.length, expected.length);
  for (const start of expected) assert.ok(rows.some((row) => row.startsWith(start)), start);
});

Deno.test("docs/configuration.md is up to date with the table of options", async () => {
  const isUpToDate = await Deno.readTextFile(DOCUMENT) === configurationMarkdown();
  assert.ok(isUpToDate, "docs/configuration.md is out of date: run `deno task docs`");
});
