/** The table and the JSON of a report. */
import assert from "node:assert/strict";
import type { Figure } from "./figure.ts";
import { describeMachine } from "./machine.ts";
import { formatTable, toJson } from "./report.ts";

const FIGURES: readonly Figure[] = [
  {
    name: "posts",
    unit: "/s",
    values: [900, 1100, 1000],
    limit: { name: "the broker", values: [2000, 2000, 2000] },
    target: { of: "ratio", kind: "at least", must: 0.45, aim: 0.7 },
  },
  {
    name: "memory",
    unit: "MiB",
    values: [130.26],
    target: { of: "value", kind: "at most", must: 128, aim: 99.9 },
  },
  { name: "a time", unit: "s", values: [0.256] },
];

function cells(line: string): string[] {
  return line.split("|").slice(1, -1).map((cell) => cell.trim());
}

Deno.test("the table has a line for each figure, and all lines have the same length", () => {
  const lines = formatTable(FIGURES).split("\n");
  assert.equal(lines.length, 2 + FIGURES.length);
  assert.equal(new Set(lines.map((line) => line.length)).size, 1);
  assert.match(lines[1] ?? "", /^\| -+ \|/);
});

Deno.test("a line has the values, the limit, the targets and the verdict", () => {
  const [posts = "", memory = "", time = ""] = formatTable(FIGURES).split("\n").slice(2);
  assert.deepEqual(cells(posts), [
    "posts",
    "1000/s",
    "900 – 1100",
    "the broker",
    "2000/s",
    "0.50",
    "≥ 0.45",
    "≥ 0.70",
    "must",
  ]);
  assert.deepEqual(cells(memory), [
    "memory",
    "130 MiB",
    "130 – 130",
    "",
    "",
    "",
    "≤ 128 MiB",
    "≤ 99.9 MiB",
    "**missed**",
  ]);
  assert.deepEqual(cells(time), ["a time", "0.26 s", "0.26 – 0.26", "", "", "", "", "", ""]);
});

Deno.test("the JSON has all values, what is derived from them, and the machine", () => {
  const written = describeMachine(new Date(0));
  const { machine, figures } = JSON.parse(JSON.stringify(toJson(written, FIGURES)));
  assert.equal(machine.date, "1970-01-01T00:00:00.000Z");
  assert.equal(machine.deno, Deno.version.deno);
  assert.ok(machine.cpuCount >= 1);
  const [posts, memory, time] = figures;
  assert.deepEqual(posts.values, [900, 1100, 1000]);
  assert.deepEqual([posts.median, posts.ratio, posts.reached], [1000, 0.5, "must"]);
  assert.deepEqual([memory.median, memory.ratio, memory.reached], [130.26, undefined, "missed"]);
  assert.equal(time.reached, "none");
});
