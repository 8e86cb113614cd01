/**
 * Formats the figures as a Markdown table, for docs/performance.md, and as JSON.
 *
 * @module
 */
import { type Figure, median, ratioOf, type Target, type Verdict, verdictOf } from "./figure.ts";
import type { Machine } from "./machine.ts";

/** The contents of `bench.json`. */
export interface Report {
  readonly machine: Machine;
  readonly figures: readonly ReportedFigure[];
}

export interface ReportedFigure extends Figure {
  readonly median: number;
  /** Ratio to the limit; undefined without a limit. */
  readonly ratio: number | undefined;
  readonly reached: Verdict;
}

const HEAD = ["figure", "median", "min – max", "limit", "its median", "ratio", "must", "aim", "reached"];

export function formatTable(figures: readonly Figure[]): string {
  const rows = [HEAD, ...figures.map(rowOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const format = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const line = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [format(rows[0] ?? []), line, ...rows.slice(1).map(format)].join("\n");
}

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

/** Rounds to about three significant digits. */
function short(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
