/**
 * Draws docs/growth.svg from docs/growth.json: time and memory by size, on logarithmic axes. The plot has its own background, so
 * that it is readable on any page. Extrapolated values are dashed.
 *
 * @module
 */
import type { GrowthData, GrowthPoint } from "./growth_data.ts";

interface Point {
  readonly x: number;
  readonly y: number;
  /** The run was cut off: its time is extrapolated, and its memory covers only part of the work. */
  readonly isExtrapolated: boolean;
}

interface Line {
  readonly label: string;
  /** CSS class in {@link STYLE}. */
  readonly style: string;
  readonly points: readonly Point[];
}

interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
  /** A horizontal reference line. */
  readonly rule?: { readonly label: string; readonly y: number };
}

/** The area of a panel, in pixels; the labels of its lines are to the right of it. */
interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Maps values to pixels. */
interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

const WIDTH = 960;
const HEIGHT = 360;
const LABEL_HEIGHT = 14;

const STYLE = `
svg { color-scheme: light dark; }
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 13px; }
.tick { fill: #59636e; font-size: 11px; }
.ground { fill: #ffffff; stroke: #d1d9e0; }
.grid { stroke: #d1d9e0; }
.rule { stroke: #cf222e; stroke-dasharray: 2 3; }
.line { stroke-width: 2; }
.computed { stroke-dasharray: 6 4; }
.start { stroke: #0969da; fill: #0969da; }
.drain { stroke: #bc4c00; fill: #bc4c00; }
.line.rest { stroke-width: 1; }
.label { stroke: none; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; } .tick { fill: #9198a1; }
.ground { fill: #0d1117; stroke: #3d444d; } .grid { stroke: #3d444d; } .rule { stroke: #f85149; }
.start { stroke: #4493f8; fill: #4493f8; }
.drain { stroke: #f0883e; fill: #f0883e; }
.label { stroke: none; }
}`;

/** Draws the plot as an SVG document. */
export function plotGrowth({ start, drain }: GrowthData): string {
  const time: Panel = {
    title: "Time in seconds, by number of objects",
    lines: [
      line("namespaces: start until idle", "start", start, ({ seconds }) => seconds),
      line("ConfigMaps: until all sent", "drain", drain, ({ seconds }) => seconds),
    ],
  };
  const memory: Panel = {
    title: "Memory in MB, by number of objects",
    lines: [
      line("namespaces: peak", "start", start, ({ peakMegabytes }) => peakMegabytes),
      line("namespaces: at rest", "start rest", start, ({ restMegabytes }) => restMegabytes),
      line("ConfigMaps: peak", "drain", drain, ({ peakMegabytes }) => peakMegabytes),
      line("ConfigMaps: at rest", "drain rest", drain, ({ restMegabytes }) => restMegabytes),
    ],
    rule: { label: "container, 128 MiB", y: 134.2 },
  };
  const box = { top: 44, bottom: HEIGHT - 34 };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title">`,
    `<title id="title">Time and memory by number of namespaces and of pending ConfigMaps</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${HEIGHT - 1}" rx="6"/>`,
    ...drawPanel(time, { ...box, left: 56, right: 300 }),
    ...drawPanel(memory, { ...box, left: 540, right: 800 }),
    "</svg>\n",
  ].join("\n");
}

function line(
  label: string,
  style: string,
  points: readonly GrowthPoint[],
  read: (point: GrowthPoint) => number,
): Line {
  return {
    label,
    style,
    points: points.map((point) => ({ x: point.count, y: read(point), isExtrapolated: "cutOff" in point })),
  };
}

function drawPanel({ title, lines, rule }: Panel, box: Box): string[] {
  const points = lines.flatMap(({ points }) => points);
  const counts = [...new Set(points.map(({ x }) => x))];
  const x = logarithmic(counts, box.left, box.right, counts);
  const y = logarithmic([...points.map(({ y }) => y), ...(rule ? [rule.y] : [])], box.bottom, box.top);
  const labels = lines.map(({ label, style, points }) => ({
    label,
    style: `label ${style}`,
    y: y.at(points.at(-1)?.y ?? 1),
  }));
  return [
    text("title", box.left - 40, box.top - 20, title),
    ...x.ticks.flatMap((tick) => [
      segment("grid", x.at(tick), box.top, x.at(tick), box.bottom),
      text("tick", x.at(tick), box.bottom + 18, format(tick), "middle"),
    ]),
    ...y.ticks.flatMap((tick) => [
      segment("grid", box.left, y.at(tick), box.right, y.at(tick)),
      text("tick", box.left - 8, y.at(tick) + 4, format(tick), "end"),
    ]),
    ...(rule
      ? [
        segment("rule", box.left, y.at(rule.y), box.right, y.at(rule.y)),
        text("tick", box.left + 6, y.at(rule.y) - 5, rule.label),
      ]
      : []),
    ...lines.flatMap((line) => drawLine(line, x, y)),
    ...spreadLabels(labels).map(({ label, style, y }) => text(style, box.right + 10, y + 4, label)),
  ];
}

function drawLine({ points, style }: Line, x: Scale, y: Scale): string[] {
  const segments = points.slice(1).map((to, index) => {
    const from = points[index] ?? to;
    const computed = to.isExtrapolated ? " computed" : "";
    return segment(`line ${style}${computed}`, x.at(from.x), y.at(from.y), x.at(to.x), y.at(to.y));
  });
  const dots = points.map((point) =>
    `<circle class="dot ${style}" cx="${short(x.at(point.x))}" cy="${short(y.at(point.y))}" r="3"/>`
  );
  return [...segments, ...dots];
}

/** Moves overlapping labels down. */
function spreadLabels<Label extends { readonly y: number }>(labels: readonly Label[]): Label[] {
  let lowest = -Infinity;
  return labels.toSorted((one, other) => one.y - other.y).map((label) => {
    lowest = Math.max(label.y, lowest + LABEL_HEIGHT);
    return { ...label, y: lowest };
  });
}

/** A logarithmic scale that begins and ends at a round value. */
function logarithmic(values: readonly number[], from: number, to: number, ticks?: readonly number[]): Scale {
  const min = Math.min(...values);
  const max = Math.max(...values);
  const digits = max / min < 10 ? [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8] : [1, 2, 5];
  const steps = Array.from({ length: 9 }, (_, power) => digits.map((digit) => digit * 10 ** (power - 2)))
    .flat();
  const low = steps.findLast((step) => step <= min) ?? min;
  const high = steps.find((step) => step >= max) ?? max;
  return {
    at: (value) => from + (to - from) * Math.log(value / low) / Math.log(high / low || 2),
    ticks: ticks ?? steps.filter((step) => step >= low && step <= high),
  };
}

const format = (value: number) => value.toLocaleString("en");
const short = (pixels: number) => String(Math.round(pixels * 10) / 10);

function segment(style: string, x1: number, y1: number, x2: number, y2: number): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map(short);
  return `<line class="${style}" x1="${a}" y1="${b}" x2="${c}" y2="${d}"/>`;
}

function text(style: string, x: number, y: number, content: string, anchor = "start"): string {
  return `<text class="${style}" x="${short(x)}" y="${short(y)}" text-anchor="${anchor}">${content}</text>`;
}
