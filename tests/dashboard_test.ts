/** Holds the Grafana dashboard to the metrics that there are, and to what Grafana can show. */
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

/** Labels that Prometheus gives to every series of a target. */
const TARGET_LABELS = ["job", "instance"];
const GRID_COLUMNS = 24;

/** What an expression is made of. */
interface Query {
  readonly metrics: readonly string[];
  /** Labels of matchers and groupings. */
  readonly labels: readonly string[];
  /** Labels of groupings alone, which are what a legend can tell. */
  readonly grouping: readonly string[];
}

/** @throws {AssertionError} For an expression that Prometheus would not take. */
function parseQuery(expression: string): Query {
  // Grafana puts a duration in its place.
  const text = expression.replaceAll("$__rate_interval", "5m");
  const found = { metrics: [] as string[], labels: [] as string[], grouping: [] as string[] };
  parser.parse(text).iterate({
    enter({ name, from, to, type, node }) {
      assert.ok(!type.isError, `${expression}: wrong at ${from}`);
      const part = text.slice(from, to);
      if (name === "Identifier" && node.parent?.name === "VectorSelector") found.metrics.push(part);
      if (name !== "LabelName") return;
      found.labels.push(part);
      if (node.parent?.name === "GroupingLabels") found.grouping.push(part);
    },
  });
  return found;
}

/** The metric that a series belongs to: histograms have several. */
function metricOf(series: string): DocumentedMetric {
  const histogram = metrics.find(({ name, type }) =>
    type === "histogram" && [`${name}_bucket`, `${name}_sum`, `${name}_count`].includes(series)
  );
  if (histogram) return { ...histogram, labels: [...histogram.labels, "le"] };
  const metric = metrics.find(({ name, type }) => name === series && type !== "histogram");
  return metric ?? assert.fail(`${series} is no metric of the program`);
}

Deno.test("parseQuery() finds metrics and labels, and refuses what is no PromQL", () => {
  assert.deepEqual(parseQuery('sum by (a) (rate(m{b=~"$x", c="y"}[$__rate_interval]))'), {
    metrics: ["m"],
    labels: ["a", "b", "c"],
    grouping: ["a"],
  });
  for (const wrong of ["sum by (a) (m", "rate(m[5m)", "m{a=b}", "m +", "m m"]) {
    assert.throws(() => parseQuery(wrong), assert.AssertionError, wrong);
  }
});

Deno.test("every expression of the dashboard is PromQL about metrics and labels that there are", () => {
  assert.ok(targets.length >= 18);
  for (const { expr } of targets) {
    const query = parseQuery(expr);
    assert.equal(query.metrics.length, 1, expr);
    const { labels } = metricOf(query.metrics[0]!);
    const unknown = query.labels.filter((label) => ![...labels, ...TARGET_LABELS].includes(label));
    assert.deepEqual(unknown, [], expr);
  }
});

Deno.test("counters are shown as rates or increases, and gauges as they are", () => {
  for (const { expr } of targets) {
    const { type } = metricOf(parseQuery(expr).metrics[0]!);
    assert.equal(/\b(?:rate|increase)\(/.test(expr), type !== "gauge", expr);
  }
});

Deno.test("legends tell labels that are left after grouping", () => {
  for (const { expr, legendFormat } of targets) {
    const told = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
    const { grouping } = parseQuery(expr);
    assert.deepEqual(told.filter((label) => !grouping.includes(label)), [], expr);
    assert.deepEqual(grouping.filter((label) => label !== "le" && !told.includes(label)), [], expr);
  }
});

Deno.test("every metric of docs/metrics.md is on the dashboard", () => {
  const shown = new Set(targets.map(({ expr }) => metricOf(parseQuery(expr).metrics[0]!).name));
  assert.ok(metrics.length >= 18);
  assert.deepEqual(metrics.map(({ name }) => name).filter((name) => !shown.has(name)), []);
});

Deno.test("every query asks the data source that is chosen, for the jobs and instances that are chosen", () => {
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

Deno.test("the dashboard can be imported beside others: a fixed uid, and no number of some Grafana's own", () => {
  assert.equal(dashboard.uid, "insights-remote");
  assert.equal(dashboard.id, undefined);
  assert.ok(dashboard.schemaVersion >= 39);
});

Deno.test("panels have different ids, letters for their queries, and a place of their own", () => {
  const { panels } = dashboard;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length);
  for (const { targets = [] } of panels) {
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length);
  }
  for (const [index, { title, gridPos: a }] of panels.entries()) {
    assert.ok(a.x >= 0 && a.w > 0 && a.h > 0 && a.x + a.w <= GRID_COLUMNS, title);
    for (const { title: other, gridPos: b } of panels.slice(index + 1)) {
      const isApart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
      assert.ok(isApart, `${title} and ${other} overlap`);
    }
  }
});

Deno.test("the dashboard's rows are those of the program's parts", () => {
  const rows = dashboard.panels.filter(({ type }) => type === "row").map(({ title }) => title);
  assert.deepEqual(rows, ["Delivery", "ConfigMaps and tokens", "Posts", "Health", "Dependency-Track"]);
});
