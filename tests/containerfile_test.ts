/** Checks the container image without building it. */
import assert from "node:assert/strict";
import denoJson from "../deno.json" with { type: "json" };
import { buildConfig } from "../lib/config/config.ts";
import { readValues } from "../lib/config/read.ts";
import { needsCommands } from "./fixtures/commands.ts";
import { assignmentsOf, isIncluded, parseContainerfile } from "./fixtures/containerfile.ts";

const ROOT = new URL("../", import.meta.url);
const readText = (path: string) => Deno.readTextFile(new URL(path, ROOT));

const source = await readText("Containerfile");
const ignoreText = await readText(".dockerignore");
const instructions = parseContainerfile(source);
const all = (name: string, stage?: number) =>
  instructions.filter((found) => found.name === name && (stage === undefined || found.stage === stage))
    .map(({ text }) => text);

Deno.test("nothing runs with a package that is not in the lock file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.copyFile(new URL("deno.lock", ROOT), `${folder}/deno.lock`);
    const imports = { ...denoJson.imports, hono: "npm:hono@4.0.0" };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ lock: denoJson.lock, imports }));
    await Deno.writeTextFile(`${folder}/main.ts`, `import "hono";`);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "main.ts"],
      cwd: folder,
      stdin: "null",
    }).output();
    assert.equal(success, false);
    assert.match(new TextDecoder().decode(stderr), /lockfile is out of date/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the image is built in two stages, whose base images are pinned by version and, with arguments, by digest", () => {
  assert.deepEqual(all("FROM"), [
    "docker.io/denoland/deno:debian-2.9.6 AS build",
    "gcr.io/distroless/cc-debian12:nonroot",
  ]);
  assert.match(
    source,
    /^FROM docker\.io\/denoland\/deno:debian-\$\{DENO_VERSION\}\$\{DENO_DIGEST\} AS build$/m,
  );
  assert.match(source, /^FROM gcr\.io\/distroless\/cc-debian12:nonroot\$\{RUNTIME_DIGEST\}$/m);
});

Deno.test("the image, the README, CI and this run use the same Deno", async () => {
  const version = /deno:debian-([\d.]+)/.exec(all("FROM")[0]!)?.[1];
  for (const path of ["README.md", ".ci/run"]) {
    const named = [...(await readText(path)).matchAll(/deno@([\d.]+)/g)].map(([, found]) => found);
    assert.deepEqual([...new Set(named)], [version], path);
  }
  assert.equal(Deno.version.deno, version);
});

Deno.test("the image runs one binary without a shell, as a numeric user that is not root", () => {
  const [user] = all("USER", 1);
  assert.equal(user, "65532:65532");
  const [entrypoint, ...others] = all("ENTRYPOINT", 1);
  assert.deepEqual(others, []);
  const copied = all("COPY", 1);
  assert.deepEqual(copied, [`--from=build /build/dist/insights-remote ${JSON.parse(entrypoint!)[0]}`]);
  assert.equal(JSON.parse(entrypoint!).length, 1);
  assert.deepEqual([...all("RUN", 1), ...all("CMD", 1), ...all("VOLUME"), ...all("ADD")], []);
});

Deno.test("the build task writes the binary to the path that the image copies", () => {
  assert.deepEqual(all("RUN"), ["deno task compile"]);
  assert.match(denoJson.tasks.compile.command, /--output[= ]dist\/insights-remote\b/);
});

Deno.test("the image's version label is the program's version", () => {
  assert.equal(
    assignmentsOf(instructions, "LABEL").get("org.opencontainers.image.version"),
    denoJson.version,
  );
});

Deno.test("the build context has exactly the files that are copied", async () => {
  const sources = all("COPY", 0).flatMap((text) => text.split(/ +/).slice(0, -1));
  const present = new Set<string>();
  for await (const { name } of Deno.readDir(ROOT)) present.add(name);
  for await (const { name } of Deno.readDir(new URL("docs/", ROOT))) present.add(`docs/${name}`);
  for (const path of sources) assert.ok(present.has(path), `${path} does not exist`);
  const letIn = [...present].filter((name) => isIncluded(ignoreText, name));
  assert.deepEqual(letIn.sort(), sources.sort());
  for (const path of [".git/config", ".env", "dist/insights-remote", "tests/demo/main.ts"]) {
    assert.equal(isIncluded(ignoreText, path), false, path);
  }
  assert.equal(isIncluded(ignoreText, "lib/kube/client.ts"), true);
});

Deno.test("the build context has every file that the program imports", async () => {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "main.ts"],
    cwd: ROOT,
  }).output();
  assert.ok(success);
  const graph = JSON.parse(new TextDecoder().decode(stdout)) as { modules: { specifier: string }[] };
  const own = graph.modules.map(({ specifier }) => specifier).filter((url) => url.startsWith(ROOT.href));
  assert.ok(own.length > 30);
  const missing = own.filter((url) => !isIncluded(ignoreText, url.slice(ROOT.href.length)));
  assert.deepEqual(missing, []);
});

Deno.test("malloc has the same settings in the image as in `deno task start`", () => {
  const words = denoJson.tasks.start.command.split(" ");
  const settings = words.slice(0, words.indexOf("deno"));
  assert.ok(settings.length > 0);
  const env = [...assignmentsOf(instructions, "ENV")].map(([name, value]) => `${name}=${value}`);
  assert.deepEqual(env, settings);
});

Deno.test("the image exposes the default ports", () => {
  const readVariable = (name: string) => name === "INSIGHTS_LOCAL" ? "true" : undefined;
  const config = buildConfig(readValues([], readVariable).values, readVariable);
  assert.deepEqual(all("EXPOSE"), [`${config.web.port} ${config.health?.port}`]);
});

Deno.test("the image has no secret as an argument, a variable or a file", () => {
  const names = [
    ...all("ARG").map((text) => text.split("=")[0]!),
    ...assignmentsOf(instructions, "ENV").keys(),
  ];
  assert.deepEqual(names.filter((name) => /PASSWORD|TOKEN|SECRET|KEY|CREDENTIAL/i.test(name)), []);
  assert.doesNotMatch(source, /--mount=type=(?:secret|ssh)/);
});

/** The libraries of distroless/cc-debian12. */
const LIBRARIES =
  /^(?:linux-vdso\.so\.1|\/lib64\/ld-linux-x86-64\.so\.2|\/lib\/ld-linux-aarch64\.so\.1|lib(?:c|m|dl|pthread|rt)\.so\.\d+|libgcc_s\.so\.1|libstdc\+\+\.so\.6)$/;
/** The glibc of Debian 12 is 2.36. */
const GLIBC_MINOR = 36;

Deno.test({
  ...needsCommands(["ldd", "grep"], "the runtime needs only libraries and versions that the image has"),
  fn: async () => {
    // The runtime in the binary is Deno without its development tools, so it needs no other libraries.
    const libraries = await linesOf("ldd", [Deno.execPath()]);
    const names = libraries.map((line) => line.trim().split(/ /)[0]!);
    assert.ok(names.includes("libc.so.6"));
    assert.deepEqual(names.filter((name) => !LIBRARIES.test(name)), []);
    const versions = await linesOf("grep", ["-aoE", "GLIBC_2\\.[0-9]+", Deno.execPath()]);
    const minors = versions.map((version) => Number(version.split(".")[1]));
    assert.ok(minors.length > 10);
    assert.ok(Math.max(...minors) <= GLIBC_MINOR, `${Math.max(...minors)}`);
  },
});

async function linesOf(program: string, args: string[]): Promise<string[]> {
  const { success, stdout } = await new Deno.Command(program, { args }).output();
  assert.ok(success, program);
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}
