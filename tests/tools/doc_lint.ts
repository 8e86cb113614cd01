/**
 * Runs `deno doc --lint` over the product, and fails when an export or a field is not documented. As a program only:
 * `deno task check`.
 *
 * Types that come from a package are no finding, although Deno reports each as private: it knows the types of the
 * files that it is given, and a package's are not among them.
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

const folders = ["lib/", "routes/", "controllers/"].map((folder) => new URL(folder, ROOT));
const files = (await Promise.all(folders.map((folder) => Array.fromAsync(productFiles(folder))))).flat();
const findings = (await lint(files)).filter((finding) => !isPackageType(finding));
for (const finding of findings) Deno.stderr.writeSync(new TextEncoder().encode(finding));
if (findings.length > 0) Deno.exit(1);
