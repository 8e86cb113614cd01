/**
 * Runs `deno doc --lint` over the product and fails when an exported function, class or type has no doc comment. Run by
 * `deno task check`.
 *
 * Three kinds of findings are ignored: a field or an interface's method, whose name and type often say enough; a type
 * imported from a package, which Deno reports as private because it only knows the files it is given; and a type that is
 * derived from what a function returns.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);

async function* productFiles(folder: URL): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isDirectory) yield* productFiles(new URL(`${entry.name}/`, folder));
    else if (entry.name.endsWith(".ts")) yield fileURLToPath(new URL(entry.name, folder));
  }
}

async function lint(files: readonly string[]): Promise<string[]> {
  const { stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", ...files],
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stderr);
  const findings = text.split(/^(?=error)/m).filter((part) => part.startsWith("error["));
  if (!success && findings.length === 0) throw new Error(text.slice(text.indexOf("error:")));
  return findings;
}

/** Whether the finding is about a type that its file imports from a package. */
function isPackageType(finding: string): boolean {
  const [, type = ""] = /references private type '(\w+)'/.exec(finding) ?? [];
  const [, path = ""] = /--> (.+?):\d+:\d+/.exec(finding) ?? [];
  if (type === "" || path === "") return false;
  const text = Deno.readTextFileSync(path);
  // Imported by its own name, or as `z.ZodType` by that of its namespace.
  const [, imported = type] = new RegExp(`\\b(\\w+)\\.${type}\\b`).exec(text) ?? [];
  const imports = text.matchAll(/import [^;]*?\{([^}]*)\}\s*from "([^"]+)"/g);
  return [...imports].some(([, names = "", from = ""]) =>
    !from.startsWith(".") && new RegExp(`\\b${imported}\\b`).test(names)
  );
}

/** Whether the finding is about a type that is derived with `typeof` from a function or a constant of its file. */
function isDerivedType(finding: string): boolean {
  const [, type = ""] = /references private type '(\w+)'/.exec(finding) ?? [];
  return type !== "" && finding.includes(`typeof ${type}>`);
}

/** Whether the finding is about a field, or about a method without a body, which an interface declares. */
function isField(finding: string): boolean {
  const [, path = "", line = "0"] = /^error\[missing-jsdoc\][\s\S]*?--> (.+?):(\d+):\d+/.exec(finding) ?? [];
  if (path === "") return false;
  return /^ +(?:override |readonly |get )*\w+(?:[?]?:|\(\): [\w<>]+ \{| = |\(.*\): .+;$)/.test(
    Deno.readTextFileSync(path).split("\n")[Number(line) - 1] ?? "",
  );
}

const folders = ["lib/", "routes/", "controllers/"].map((folder) => new URL(folder, ROOT));
const files = (await Promise.all(folders.map((folder) => Array.fromAsync(productFiles(folder))))).flat();
const findings = (await lint(files)).filter((finding) =>
  !isPackageType(finding) && !isDerivedType(finding) && !isField(finding)
);
for (const finding of findings) Deno.stderr.writeSync(new TextEncoder().encode(finding));
if (findings.length > 0) Deno.exit(1);
