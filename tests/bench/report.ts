/**
 * What the benchmark has measured, as a table for people (Markdown, so that it goes into docs/performance.md as it is) and as
 * JSON for programs.
 *
 * @module
 */
import { type Figure, median, ratioOf, type Target, type Verdict, verdictOf } from "./figure.ts";
import type { Machine } from "./machine.ts";

/** What programs read. */
export interface Report {
  readonly machine: Machine;
  readonly figures: readonly ReportedFigure[];
}

/** A figure with what follows from it. */
export interface ReportedFigure extends Figure {
  readonly median: number;
  /** To the limit; undefined without one. */
  readonly ratio: number | undefined;
  readonly reached: Verdict;
}

const HEAD = ["figure", "median", "min – max", "limit", "its median", "ratio", "must", "aim", "reached"];

/** A table of all figures. */
export function formatTable(figures: readonly Figure[]): string {
  const rows = [HEAD, ...figures.map(rowOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const format = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const line = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [format(rows[0] ?? []), line, ...rows.slice(1).map(format)].join("\n");
}

/** All figures with what follows from them, and what they were measured on. */
export function toJson(machine: Machine, figures: readonly Figure[]): Report {
  const reported = figures.map((figure) => ({
    ...figure,
    median: median(figure.values),
    ratio: ratioOf(figure),
    reached: verdictOf(figure),
  }));
  return { machine, figures: reported };
}

function rowOf(figure: Figure): string[] {
  const { name, unit, values, limit, target } = figure;
  const ratio = ratioOf(figure);
  return [
    name,
    withUnit(median(values), unit),
    `${short(Math.min(...values))} – ${short(Math.max(...values))}`,
    limit?.name ?? "",
    limit ? withUnit(median(limit.values), unit) : "",
    ratio === undefined ? "" : ratio.toFixed(2),
    targetText(target, target?.must, unit),
    targetText(target, target?.aim, unit),
    { aim: "aim", must: "must", missed: "**missed**", none: "" }[verdictOf(figure)],
  ];
}

function targetText(target: Target | undefined, wanted: number | undefined, unit: Figure["unit"]): string {
  if (!target || wanted === undefined) return "";
  const sign = target.kind === "at least" ? "≥" : "≤";
  return `${sign} ${target.of === "ratio" ? wanted.toFixed(2) : withUnit(wanted, unit)}`;
}

function withUnit(value: number, unit: Figure["unit"]): string {
  return unit === "/s" ? `${short(value)}/s` : `${short(value)} ${unit}`;
}

/** Three digits that count are more than any of this is exact to. */
function short(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
