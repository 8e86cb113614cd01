/** Checks that the Grafana dashboard is valid and shows the program's metrics. */
import assert from "node:assert/strict";
import { parser } from "@prometheus-io/lezer-promql";
import { type DocumentedMetric, readDocumentedMetrics } from "./fixtures/documented_metrics.ts";

interface Target {
  readonly refId: string;
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly expr: string;
  readonly legendFormat: string;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly Target[];
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: unknown;
  readonly definition?: string;
}

interface Dashboard {
  readonly id?: number;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

const dashboard: Dashboard = JSON.parse(
  await Deno.readTextFile(new URL("../manifests/dashboards/insights-remote.json", import.meta.url)),
);
const metrics = await readDocumentedMetrics();
const targets = dashboard.panels.flatMap(({ targets = [] }) => targets);

/** Labels that Prometheus adds to every series. */
const TARGET_LABELS = ["job", "instance"];
const GRID_COLUMNS = 24;

/** The names in a PromQL expression. */
interface Query {
  readonly metrics: readonly string[];
  /** Labels of matchers and groupings. */
  readonly labels: readonly string[];
  /** Labels of groupings only, which a legend can use. */
  readonly grouping: readonly string[];
}

/** @throws {AssertionError} If the expression is not valid PromQL. */
function parseQuery(expression: string): Query {
  // Grafana replaces it with a duration.
  const text = expression.replaceAll("$__rate_interval", "5m");
  const found = { metrics: [] as string[], labels: [] as string[], grouping: [] as string[] };
  parser.parse(text).iterate({
    enter({ name, from, to, type, node }) {
      assert.ok(!type.isError, `${expression}: invalid at ${from}`);
      const part = text.slice(from, to);
      if (name === "Identifier" && node.parent?.name === "VectorSelector") found.metrics.push(part);
      if (name !== "LabelName") return;
      found.labels.push(part);
      if (node.parent?.name === "GroupingLabels") found.grouping.push(part);
    },
  });
  return found;
}

/** The metric of a series; a histogram has several series. */
function metricOf(series: string): DocumentedMetric {
  const histogram = metrics.find(({ name, type }) =>
    type === "histogram" && [`${name}_bucket`, `${name}_sum`, `${name}_count`].includes(series)
  );
  if (histogram) return { ...histogram, labels: [...histogram.labels, "le"] };
  const metric = metrics.find(({ name, type }) => name === series && type !== "histogram");
  return metric ?? assert.fail(`${series} is not a metric of the program`);
}

Deno.test("parseQuery() finds metrics and labels, and rejects invalid PromQL", () => {
  assert.deepEqual(parseQuery('sum by (a) (rate(m{b=~"$x", c="y"}[$__rate_interval]))'), {
    metrics: ["m"],
    labels: ["a", "b", "c"],
    grouping: ["a"],
  });
  for (const invalid of ["sum by (a) (m", "rate(m[5m)", "m{a=b}", "m +", "m m"]) {
    assert.throws(() => parseQuery(invalid), assert.AssertionError, invalid);
  }
});

Deno.test("every expression is valid PromQL with existing metrics and labels", () => {
  assert.ok(targets.length >= 18);
  for (const { expr } of targets) {
    const query = parseQuery(expr);
    assert.equal(query.metrics.length, 1, expr);
    const { labels } = metricOf(query.metrics[0]!);
    const unknown = query.labels.filter((label) => ![...labels, ...TARGET_LABELS].includes(label));
    assert.deepEqual(unknown, [], expr);
  }
});

Deno.test("counters are shown as rates or increases, gauges as values", () => {
  for (const { expr } of targets) {
    const { type } = metricOf(parseQuery(expr).metrics[0]!);
    assert.equal(/\b(?:rate|increase)\(/.test(expr), type !== "gauge", expr);
  }
});

Deno.test("legends use exactly the labels that are left after grouping", () => {
  for (const { expr, legendFormat } of targets) {
    const used = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
    const { grouping } = parseQuery(expr);
    assert.deepEqual(used.filter((label) => !grouping.includes(label)), [], expr);
    assert.deepEqual(grouping.filter((label) => label !== "le" && !used.includes(label)), [], expr);
  }
});

Deno.test("every metric of docs/metrics.md is on the dashboard", () => {
  const shown = new Set(targets.map(({ expr }) => metricOf(parseQuery(expr).metrics[0]!).name));
  assert.ok(metrics.length >= 18);
  assert.deepEqual(metrics.map(({ name }) => name).filter((name) => !shown.has(name)), []);
});

Deno.test("every query uses the selected data source, jobs and instances", () => {
  const [source, ...variables] = dashboard.templating.list;
  assert.deepEqual([source?.name, source?.type, source?.query], ["datasource", "datasource", "prometheus"]);
  assert.deepEqual(variables.map(({ name }) => name), TARGET_LABELS);
  for (const { definition = "" } of variables) {
    const [, series] = /^label_values\((\w+)/.exec(definition) ?? assert.fail(definition);
    metricOf(series!);
  }
  for (const { datasource, expr } of targets) {
    assert.deepEqual(datasource, { type: "prometheus", uid: "${datasource}" });
    for (const label of TARGET_LABELS) assert.ok(expr.includes(`${label}=~"$${label}"`), expr);
  }
  for (const { datasource, type } of dashboard.panels) {
    assert.equal(datasource?.uid, type === "row" ? undefined : "${datasource}");
  }
});

Deno.test("the dashboard can be imported: it has a fixed uid and no id", () => {
  assert.equal(dashboard.uid, "insights-remote");
  assert.equal(dashboard.id, undefined);
  assert.ok(dashboard.schemaVersion >= 39);
});

Deno.test("panels have unique ids, titles and query letters, and do not overlap", () => {
  const { panels } = dashboard;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length);
  for (const { targets = [] } of panels) {
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length);
  }
  for (const [index, { title, gridPos: a }] of panels.entries()) {
    assert.ok(a.x >= 0 && a.w > 0 && a.h > 0 && a.x + a.w <= GRID_COLUMNS, title);
    for (const { title: other, gridPos: b } of panels.slice(index + 1)) {
      const areSeparate = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
      assert.ok(areSeparate, `${title} and ${other} overlap`);
    }
  }
});

Deno.test("the dashboard has a row for each part of the program", () => {
  const rows = dashboard.panels.filter(({ type }) => type === "row").map(({ title }) => title);
  assert.deepEqual(rows, ["Delivery", "ConfigMaps and tokens", "Posts", "Health", "Dependency-Track"]);
});
