/** Checks that the documents match the program. */
import assert from "node:assert/strict";
import { ALL_OPTIONS } from "../lib/config/options.ts";
import { createMetrics, type GaugeName, GAUGES } from "../lib/metrics.ts";
import { readDocumentedMetrics } from "./fixtures/documented_metrics.ts";
import { TOKEN_SECRET } from "../lib/lagoon.ts";
import { TestApp } from "./routes/fixture.ts";
import { documentUrl, postingText } from "./tools/docs.ts";
import { FAILURES } from "./tools/openapi/failures.ts";

Deno.test("docs/metrics.md lists exactly the program's metrics, with types and labels", async () => {
  const documented = (await readDocumentedMetrics()).map(({ name, type, labels }) =>
    [name, type, labels] as const
  );
  const metrics = createMetrics();
  for (const gauge of Object.keys(GAUGES) as GaugeName[]) metrics.registerGauge(gauge, () => ({ x: 1 }));
  metrics.countConfigMap("sent");
  metrics.countFinding("warning", "data-left-out");
  metrics.countSbom("dependency-track", "sent");
  metrics.countToken("created");
  metrics.countScan("created");
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
  "docs/development.md",
  "docs/growth.md",
  "docs/metrics.md",
  "docs/migrating.md",
  "docs/operating.md",
  "docs/performance.md",
  "docs/posting.md",
  "docs/security.md",
  "manifests/README.md",
];

Deno.test("documents only name existing variables", async () => {
  const clientVariables = ["INSIGHTS_TOKEN", "INSIGHTS_TOKEN_FILE", "INSIGHTS_URL"];
  const known = [...ALL_OPTIONS.map(({ env }) => env), ...clientVariables];
  let count = 0;
  for (const document of DOCUMENTS) {
    const text = await Deno.readTextFile(new URL(`../${document}`, import.meta.url));
    for (
      const [, name] of text.matchAll(
        /`((?:RABBITMQ|WEBSERVICE|SHUTDOWN|INSIGHTS|CONFIGMAP|ENABLE|METRICS)_[A-Z_]+)/g,
      )
    ) {
      assert.ok(known.includes(name!), `${document}: ${name}`);
      count++;
    }
  }
  assert.ok(count > 20);
});

Deno.test("docs/delivery.md has the limits' actual defaults", async () => {
  const text = await Deno.readTextFile(new URL("../docs/delivery.md", import.meta.url));
  const rows = [...text.matchAll(/^\| [^|]*\| `([A-Z_]+)` *\| ([\d,]+)( MiB| s)? *\|/gm)];
  assert.ok(rows.length >= 10, `${rows.length}`);
  for (const [, name, number, unit] of rows) {
    const option = ALL_OPTIONS.find(({ env }) => env === name);
    const value = Number(number!.replaceAll(",", "")) * (unit === " MiB" ? 1024 * 1024 : 1);
    assert.equal(option?.defaultText, String(value), name!);
  }
});

Deno.test("docs/posting.md has the generated tables (`deno task docs` writes them)", async () => {
  const isCurrent = await Deno.readTextFile(documentUrl("posting.md")) === await postingText();
  assert.ok(isCurrent, "docs/posting.md is out of date: run `deno task docs`");
});

Deno.test("docs/posting.md shows an actual response with warnings", async () => {
  const markdown = await Deno.readTextFile(documentUrl("posting.md"));
  const [, example = ""] = /^```json\n(.*?)^```$/ms.exec(markdown) ?? [];
  const response = await new TestApp().send("POST /problems", { body: [{ identifier: "i", data: "{}" }] });
  assert.deepEqual(JSON.parse(example), await response.json());
});

Deno.test("docs/posting.md has the path of the token, with the names of the Secret and its key", async () => {
  const markdown = await Deno.readTextFile(documentUrl("posting.md"));
  const paths = new Set(markdown.match(/\/var\/run\/secrets\/lagoon\/dynamic\/[\w\/-]+/g));
  assert.deepEqual([...paths], [`/var/run/secrets/lagoon/dynamic/${TOKEN_SECRET.name}/${TOKEN_SECRET.key}`]);
});

Deno.test("docs/delivery.md has a row for every status that a client may get", async () => {
  const markdown = await Deno.readTextFile(documentUrl("delivery.md"));
  const rows = [...markdown.matchAll(/^\| (\d{3}(?:, \d{3})*) +\|/gm)].flatMap(([, codes]) =>
    codes!.split(", ")
  );
  const known = ["200", ...Object.values(FAILURES).map(({ code }) => String(code))];
  assert.deepEqual(rows, [...new Set(known)].sort());
});

Deno.test("docs/security.md names a test for each limit of a tenant", async () => {
  const markdown = await Deno.readTextFile(documentUrl("security.md"));
  const [, section = ""] = /^## What a tenant can use up$(.*?)^## /ms.exec(markdown) ?? [];
  const [, , ...rows] = section.split("\n").filter((line) => line.startsWith("|"));
  assert.ok(rows.length > 10);
  assert.deepEqual(rows.filter((row) => !/`tests\/[\w\/]+\.ts` *\|$/.test(row)), []);
});

Deno.test("each section of docs/security.md names its tests", async () => {
  const markdown = await Deno.readTextFile(documentUrl("security.md"));
  const [, ...sections] = markdown.split(/^##+ /m);
  assert.ok(sections.length > 6);
  assert.deepEqual(sections.filter((section) => !/`tests\/[\w\/]+\.ts`/.test(section)), []);
});

Deno.test("documents only name existing files of the program", async () => {
  const root = new URL("../", import.meta.url);
  const missing: string[] = [];
  for await (const path of markdownFiles(root)) {
    const text = await Deno.readTextFile(new URL(path, root));
    for (
      const [, named = ""] of text.matchAll(
        /`((?:lib|routes|controllers|tests|docs|manifests)\/[\w./-]*\w)`/g,
      )
    ) {
      const exists = await Deno.stat(new URL(named, root)).then(() => true, () => false);
      if (!exists) missing.push(`${path}: ${named}`);
    }
  }
  assert.deepEqual(missing, []);
});

/** README, CONTRIBUTING, and all documents below docs/ and manifests/. */
async function* markdownFiles(root: URL): AsyncGenerator<string> {
  yield* ["README.md", "CONTRIBUTING.md", "manifests/README.md"];
  for (const folder of ["docs/", "docs/decisions/"]) {
    for await (const { name } of Deno.readDir(new URL(folder, root))) {
      if (name.endsWith(".md")) yield folder + name;
    }
  }
}
