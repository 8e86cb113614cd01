/** Holds the layout of docs/architecture.md: who may import whom, how large files are, and who touches the process. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../", import.meta.url);

/** The first pattern that a file's path matches is its layer; it may import lower layers and its own. */
const LAYERS: readonly (readonly [pattern: RegExp, layer: number])[] = [
  [/^lib\/(errors|lagoon|clock)\.ts$/, 0],
  [
    /^lib\/(log|metrics|tokens)\.ts$|^lib\/(config|http|insights|json|tls)\//,
    1,
  ],
  [/^lib\/(kube|broker)\//, 2],
  [/^lib\/dependency_track\//, 3],
  [/^(controllers|routes)\//, 4],
  [/^lib\/service\//, 5],
  [/^lib\/sandbox\//, 6],
  [/^main\.ts$/, 7],
];

const MOST_LINES = 300;

interface Module {
  readonly path: string;
  /** Its code without block comments. */
  readonly text: string;
  readonly lines: number;
  /** Paths of the project's own modules that it imports. */
  readonly imports: readonly string[];
}

async function readModules(): Promise<Module[]> {
  const modules: Module[] = [];
  for await (const path of walk("")) {
    const source = await Deno.readTextFile(new URL(path, ROOT));
    const text = source.replace(/\/\*[\s\S]*?\*\//g, "");
    const specifiers = text.matchAll(/(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+\.ts)"/g);
    const imports = [...specifiers].map(([, specifier]) =>
      fileURLToPath(new URL(specifier!, new URL(path, ROOT))).slice(fileURLToPath(ROOT).length)
    );
    modules.push({ path, text, imports, lines: source.split("\n").length - 1 });
  }
  return modules;
}

/** All files of the product: main.ts, lib, controllers and routes. */
async function* walk(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(new URL(folder === "" ? "./" : folder, ROOT))) {
    const path = folder + entry.name;
    const isProduct = folder !== "" || ["lib", "controllers", "routes", "main.ts"].includes(entry.name);
    if (!isProduct) continue;
    if (entry.isDirectory) yield* walk(`${path}/`);
    else if (path.endsWith(".ts")) yield path;
  }
}

function layerOf(path: string): number {
  const layer = LAYERS.find(([pattern]) => pattern.test(path))?.[1];
  assert.notEqual(layer, undefined, `${path} has no layer: give it one here and in docs/architecture.md`);
  return layer!;
}

const modules = await readModules();

Deno.test("the test sees the product's files and their imports", () => {
  assert.ok(modules.length > 30);
  const { imports } = modules.find(({ path }) => path === "routes/admission.ts")!;
  assert.deepEqual(imports, ["lib/errors.ts", "routes/deps.ts", "routes/fair_limits.ts"]);
  assert.ok(modules.find(({ path }) => path === "main.ts")?.imports.includes("lib/sandbox/process.ts"));
});

Deno.test("files import only from lower layers or their own", () => {
  const wrong = modules.flatMap(({ path, imports }) =>
    imports.filter((imported) => layerOf(imported) > layerOf(path)).map((imported) => `${path} → ${imported}`)
  );
  assert.deepEqual(wrong, []);
});

Deno.test("controllers and routes don't know each other, and only the outermost files know the configuration", () => {
  const forbidden = (path: string, imported: string) =>
    path.startsWith("controllers/") && imported.startsWith("routes/") ||
    path.startsWith("routes/") && imported.startsWith("controllers/") ||
    imported.startsWith("lib/config/") &&
      !/^main\.ts$|^lib\/(config|sandbox|service)\//.test(path);
  const wrong = modules.flatMap(({ path, imports }) =>
    imports.filter((imported) => forbidden(path, imported)).map((imported) => `${path} → ${imported}`)
  );
  assert.deepEqual(wrong, []);
});

Deno.test("no file imports itself over others", () => {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(path), `a circle: ${[...trail, path].join(" → ")}`);
    if (finished.has(path)) return;
    for (const imported of byPath.get(path)?.imports ?? []) visit(imported, [...trail, path]);
    finished.add(path);
  };
  for (const { path } of modules) visit(path, []);
});

Deno.test(`no file has more than ${MOST_LINES} lines`, () => {
  const long = modules.filter(({ lines }) => lines > MOST_LINES).map(({ path }) => path);
  assert.deepEqual(long, []);
});

Deno.test("only main.ts touches the process: arguments, environment, signals and exit", () => {
  const touches = /Deno\.(args|env|exit|addSignalListener)\b/;
  assert.deepEqual(modules.filter(({ text }) => touches.test(text)).map(({ path }) => path), ["main.ts"]);
});

Deno.test("the clock and chance are passed in", () => {
  const touches = /Date\.now\(|new Date\(\)|Math\.random|setTimeout|setInterval|AbortSignal\.timeout/;
  const wrong = modules.filter(({ text }) => touches.test(text)).map(({ path }) => path);
  assert.deepEqual(wrong.sort(), ["lib/clock.ts", "lib/sandbox/worker.ts"]);
});

Deno.test("the Kubernetes client, which takes much memory, is loaded only by the process and outside a pod", () => {
  const importersOf = (specifier: RegExp) =>
    modules.filter(({ text }) => specifier.test(text.replace(/^import type [^;]*;/gm, ""))).map(({ path }) =>
      path
    );
  assert.deepEqual(importersOf(/"(?:yaml|@kubernetes\/client-node)"/), ["lib/kube/kubeconfig.ts"]);
  assert.deepEqual(importersOf(/\/kubeconfig\.ts"/), ["lib/sandbox/cluster.ts"]);
  assert.deepEqual(importersOf(/await import\("[^"]*\/kubeconfig\.ts"\)/), ["lib/sandbox/cluster.ts"]);
  assert.deepEqual(importersOf(/\/cluster\.ts"/), ["main.ts"]);
});

Deno.test("what only tests need is in no file of the product", () => {
  const wrong = modules.filter(({ text }) =>
    /"(?:fast-check|@(?:lezer|prometheus-io)\/[\w-]+|@redocly\/openapi-core|ajv\/[^"]*)"/.test(text)
  ).map(({ path }) => path);
  assert.deepEqual(wrong, []);
});

Deno.test("only jose compares signatures, which it does in constant time", () => {
  const using = (pattern: RegExp) => modules.filter(({ text }) => pattern.test(text)).map(({ path }) => path);
  assert.deepEqual(using(/"jose"/), ["lib/tokens.ts"]);
  const tokens = modules.find(({ path }) => path === "lib/tokens.ts")?.text ?? "";
  assert.match(tokens, /await compactVerify\(token, key, \{ algorithms: \[ALGORITHM\] \}\)/);
  // Signing again and comparing the texts would take longer the more of a signature is right.
  const issuing = tokens.slice(
    tokens.indexOf("function issueToken"),
    tokens.indexOf("function createVerifier"),
  );
  assert.equal(tokens.split("createHmac(").length, 2);
  assert.match(issuing, /createHmac\(/);
  assert.doesNotMatch(tokens, /signature\w*\s*[!=]==|\.equals\(|compare\(/i);
});

Deno.test("every file is tested at the same place below tests, or where the list below says", async () => {
  const exists = (path: string) => Deno.stat(new URL(path, ROOT)).then(() => true, () => false);
  const missing: string[] = [];
  for (const { path } of modules) {
    const test = TESTED_ELSEWHERE[path] ?? `tests/${path.replace(/\.ts$/, "_test.ts")}`;
    if (!await exists(test)) missing.push(`${path}: ${test}`);
  }
  assert.deepEqual(missing, []);
  const unknown = Object.keys(TESTED_ELSEWHERE).filter((path) =>
    !modules.some((module) => module.path === path)
  );
  assert.deepEqual(unknown, []);
});

/** Files whose behaviour shows only together with others. */
const TESTED_ELSEWHERE: Readonly<Record<string, string>> = {
  "main.ts": "tests/integration/program_test.ts",
  "lib/service/dependencies.ts": "tests/lib/service/service_test.ts",
  "lib/service/cluster_work.ts": "tests/integration/replicas_test.ts",
  "lib/service/metrics_server.ts": "tests/integration/metrics_test.ts",
  "lib/sandbox/messages.ts": "tests/integration/sandbox_test.ts",
  "lib/sandbox/process.ts": "tests/integration/program_test.ts",
  "lib/sandbox/worker.ts": "tests/integration/sandbox_test.ts",
  "lib/broker/publisher.ts": "tests/integration/broker_test.ts",
  "lib/insights/errors.ts": "tests/lib/insights/posted_list_test.ts",
  "lib/insights/collation.ts": "tests/lib/insights/repairs_test.ts",
  "lib/insights/fields.ts": "tests/lib/insights/repairs_test.ts",
  "lib/insights/schemas.ts": "tests/lib/insights/posted_list_test.ts",
  "lib/kube/large_objects.ts": "tests/lib/kube/list_stream_test.ts",
  "lib/json/bytes.ts": "tests/lib/json/patcher_test.ts",
  "lib/json/outline.ts": "tests/lib/json/reader_test.ts",
  "lib/json/patch_rules.ts": "tests/lib/json/patcher_test.ts",
  "controllers/mod.ts": "tests/suites/harness.ts",
  "controllers/configmap_controllers.ts": "tests/suites/harness.ts",
  "controllers/dependency_track.ts": "tests/suites/track_suite.ts",
  "controllers/outcomes.ts": "tests/suites/configmap_suite.ts",
  "controllers/parts.ts": "tests/suites/harness.ts",
  "lib/dependency_track/errors.ts": "tests/lib/dependency_track/client_test.ts",
  "routes/insights.ts": "tests/routes/facts_test.ts",
  "routes/deps.ts": "tests/routes/mod_test.ts",
};
