/** Checks that alerts use existing metrics, are documented, and fire when they should. */
import assert from "node:assert/strict";
import { ALL_OPTIONS } from "../lib/config/options.ts";
import { type AlertScenario, needsPromtool, readRuleGroups, runPromtool } from "./fixtures/alerts.ts";
import { readDocumentedMetrics } from "./fixtures/documented_metrics.ts";
import { ALERT_SCENARIOS } from "./suites/alert_scenarios.ts";

const readText = (path: string) => Deno.readTextFile(new URL(`../${path}`, import.meta.url));

const rules = (await readRuleGroups()).groups.flatMap((group) => group.rules);
const deliveryText = await readText("docs/delivery.md");

const metrics = new Map((await readDocumentedMetrics()).map((metric) => [metric.name, metric]));

/** HTTP statuses in docs/delivery.md. */
const statuses = [...deliveryText.matchAll(/^\| ([\d, ]+) +\|/gm)].flatMap(([, cell]) =>
  cell!.trim().split(", ")
);

/** Labels that Prometheus adds to every series. */
const SCRAPE_LABELS = ["namespace", "pod"];

Deno.test("the alerts' metrics, labels and values exist", () => {
  let matchers = 0;
  for (const { alert, expr } of rules) {
    const selectors = [...expr.matchAll(/(insights_remote_\w+)(?:\{([^}]*)\})?/g)];
    assert.ok(selectors.length > 0, alert);
    for (const [, name, text = ""] of selectors) {
      const metric = metrics.get(name!);
      assert.ok(metric, `${alert}: ${name}`);
      for (const [, label, values] of text.matchAll(/(\w+)=~?"([^"]*)"/g)) {
        assert.ok(metric.labels.includes(label!), `${alert}: ${name} has no label ${label}`);
        for (const value of values!.split("|")) {
          const isStatus = name === "insights_remote_http_requests_total" && label === "code";
          const known: readonly string[] = isStatus ? statuses : metric.terms;
          assert.ok(known.includes(value), `${alert}: ${label} never has the value ${value}`);
        }
        matchers++;
      }
    }
  }
  assert.ok(matchers > 10);
});

Deno.test("every alert has a severity, a summary, a description and a runbook URL", () => {
  const names = rules.map(({ alert }) => alert);
  assert.deepEqual(names, [...new Set(names)]);
  for (const { alert, labels, annotations } of rules) {
    assert.match(alert, /^InsightsRemote[A-Z]/);
    assert.ok(["critical", "warning", "info"].includes(labels["severity"]!), alert);
    assert.ok(annotations.summary.length > 10 && annotations.description.length > 60, alert);
    assert.ok(annotations.runbook_url.endsWith(`/docs/operating.md#${alert.toLowerCase()}`), alert);
  }
});

Deno.test("every alert has a heading in docs/operating.md", async () => {
  const headings = [...(await readText("docs/operating.md")).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading
  );
  assert.deepEqual(rules.map(({ alert }) => alert).filter((alert) => !headings.includes(alert)), []);
});

Deno.test("the alerts' texts only use labels of their series and existing options", () => {
  for (const { alert, expr, annotations } of rules) {
    const kept = /by \(([^)]*)\)/.exec(expr)?.[1]?.split(", ");
    const own = metrics.get(/insights_remote_\w+/.exec(expr)![0])!.labels;
    const text = Object.values(annotations).join("\n");
    for (const [, label] of text.matchAll(/\$labels\.(\w+)/g)) {
      assert.ok((kept ?? [...own, ...SCRAPE_LABELS]).includes(label!), `${alert}: ${label}`);
    }
    for (const [name] of text.matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)) {
      assert.ok(ALL_OPTIONS.some(({ env }) => env === name), `${alert}: ${name}`);
    }
  }
});

Deno.test("every alert has a scenario", () => {
  const tested = new Set(ALERT_SCENARIOS.map(({ alert }) => alert));
  assert.deepEqual([...tested].sort(), rules.map(({ alert }) => alert).sort());
});

Deno.test({
  ...needsPromtool("the alerts fire, or don't, as each scenario expects"),
  fn: async () => {
    await runPromtool(ALERT_SCENARIOS);
    const [{ alert, fires, rests }] = ALERT_SCENARIOS as [AlertScenario];
    await assert.rejects(runPromtool([{ alert, fires: rests, rests: fires }]), /FAILED/);
  },
});
