/** Holds the documents to the program: what they name exists, and what exists is named. */
import assert from "node:assert/strict";
import { createMetrics, type GaugeName, GAUGES } from "../lib/metrics.ts";

Deno.test("docs/metrics.md names every metric with its type and labels, and no other", async () => {
  const text = await Deno.readTextFile(new URL("../docs/metrics.md", import.meta.url));
  const rows = [...text.matchAll(/^\| `(insights_remote_\w+)` +\| (\w+) +\| ([^|]*)\|/gm)];
  const documented = rows.map(([, name, type, labels]) =>
    [name, type, [...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label)] as const
  );
  const metrics = createMetrics();
  for (const gauge of Object.keys(GAUGES) as GaugeName[]) metrics.observe(gauge, () => ({ x: 1 }));
  metrics.countConfigMap("sent");
  metrics.countToken("created");
  metrics.countPublish("confirmed", 1);
  metrics.countConnection("opened");
  metrics.countRequest({ route: "/facts", method: "POST", code: 200 });
  const { text: rendered } = await metrics.render();
  const existing = [...rendered.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name, type]) => {
    const sample = new RegExp(`^${name}\\{(.*)\\} `, "m").exec(rendered)?.[1] ?? "";
    return [name, type, [...sample.matchAll(/(\w+)="/g)].map(([, label]) => label)] as const;
  });
  const byName = (a: readonly unknown[], b: readonly unknown[]) => String(a[0]).localeCompare(String(b[0]));
  assert.deepEqual(documented.toSorted(byName), existing.toSorted(byName));
});
