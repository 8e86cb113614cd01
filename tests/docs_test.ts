/** Holds the documents to the program: what they name exists, and what exists is named. */
import assert from "node:assert/strict";
import { OPTIONS } from "../lib/config/options.ts";
import { createMetrics, type GaugeName, GAUGES } from "../lib/metrics.ts";
import { readDocumentedMetrics } from "./fixtures/documented_metrics.ts";

Deno.test("docs/metrics.md names every metric with its type and labels, and no other", async () => {
  const documented = (await readDocumentedMetrics()).map(({ name, type, labels }) =>
    [name, type, labels] as const
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

const DOCUMENTS = [
  "README.md",
  "docs/architecture.md",
  "docs/controllers.md",
  "docs/delivery.md",
  "docs/metrics.md",
  "docs/security.md",
  "manifests/README.md",
];

Deno.test("documents name no variable that isn't one of the program's", async () => {
  const known = [...Object.values(OPTIONS).map(({ env }) => env), "INSIGHTS_TOKEN"];
  let named = 0;
  for (const document of DOCUMENTS) {
    const text = await Deno.readTextFile(new URL(`../${document}`, import.meta.url));
    for (
      const [, name] of text.matchAll(
        /`((?:RABBITMQ|WEBSERVICE|SHUTDOWN|INSIGHTS|CONFIGMAP|ENABLE|METRICS)_[A-Z_]+)/g,
      )
    ) {
      assert.ok(known.includes(name!), `${document}: ${name}`);
      named++;
    }
  }
  assert.ok(named > 20);
});

Deno.test("docs/delivery.md tells the limits' defaults as they are", async () => {
  const text = await Deno.readTextFile(new URL("../docs/delivery.md", import.meta.url));
  const rows = [...text.matchAll(/^\| [^|]*\| `([A-Z_]+)` *\| ([\d,]+)( MiB| s)? *\|/gm)];
  assert.ok(rows.length >= 10, `${rows.length}`);
  for (const [, name, number, unit] of rows) {
    const option = Object.values(OPTIONS).find(({ env }) => env === name);
    const value = Number(number!.replaceAll(",", "")) * (unit === " MiB" ? 1024 * 1024 : 1);
    assert.equal(option?.defaultText, String(value), name!);
  }
});
