import assert from "node:assert/strict";
import { PLATFORM_VARIABLES } from "../../../lib/config/config.ts";
import { OPTIONS } from "../../../lib/config/options.ts";
import { configurationMarkdown, usage } from "../../../lib/config/usage.ts";

const DOCUMENT = new URL("../../../docs/configuration.md", import.meta.url);

Deno.test("usage() tells each option's flag, variable and default", () => {
  const text = usage().replace(/\s+/g, " ");
  for (const { flag, env, defaultText } of Object.values(OPTIONS)) {
    const entry = text.slice(text.indexOf(` --${flag} `));
    assert.ok(text.includes(` --${flag} `), flag);
    assert.ok(entry.includes(`${env}: `), env);
    if (defaultText !== "") assert.ok(entry.includes(`(default ${defaultText})`), flag);
  }
});

Deno.test("usage() fits into 100 columns", () => {
  assert.deepEqual(usage().split("\n").filter((line) => line.length > 100), []);
});

Deno.test("configurationMarkdown() has a row for each option", () => {
  const rows = configurationMarkdown().split("\n").filter((line) => line.startsWith("| `"));
  const expected = Object.values(OPTIONS).map(({ env, flag }) => `| \`${env}\` | \`${flag}\` |`);
  assert.equal(rows.length, expected.length);
  for (const start of expected) assert.ok(rows.some((row) => row.startsWith(start)), start);
});

Deno.test("docs/configuration.md is what the table of options says (`deno task docs` writes it again)", async () => {
  const isInStep = layoutFree(await Deno.readTextFile(DOCUMENT)) === layoutFree(configurationMarkdown());
  assert.ok(isInStep, "docs/configuration.md is out of date: run `deno task docs`");
});

/** How wide the columns of a table are is up to the formatter. */
function layoutFree(markdown: string): string {
  return markdown.replace(/ +/g, " ").replace(/-{3,}/g, "---");
}

Deno.test("`deno task start` allows exactly the environment variables that the program reads", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../../../deno.json", import.meta.url)));
  const [, allowed = ""] = /--allow-env=(\S+)/.exec(tasks.start.command) ?? [];
  const read = [...Object.values(OPTIONS).map(({ env }) => env), ...PLATFORM_VARIABLES];
  assert.deepEqual(allowed.split(",").sort(), read.sort());
});
