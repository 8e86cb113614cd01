/**
 * Generates the project's own SBOM (CycloneDX 1.5) from its lock file. `deno task sbom` writes it to
 * `tests/demo/sbom.cyclonedx.json`.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** The used part of deno.lock (version 5). */
interface LockFile {
  readonly npm?: Readonly<Record<string, { readonly integrity?: string }>>;
}

/**
 * Generates the document; the output is deterministic.
 *
 * @param project Name and version from deno.json.
 */
export function makeSbom(
  lock: LockFile,
  project: { name: string; version: string },
): Record<string, unknown> {
  // The lock file may have a package several times, each with different peers after an underscore.
  const packages = new Map<string, string | undefined>();
  for (const [id, { integrity }] of Object.entries(lock.npm ?? {})) {
    packages.set(id.replace(/(.@[^_]+)_.*$/, "$1"), integrity);
  }
  const components = [...packages].sort(([a], [b]) => a < b ? -1 : 1).map(([id, integrity]) =>
    component(id, integrity)
  );
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: {
      tools: { components: [{ type: "application", name: "tests/demo/sbom.ts" }] },
      component: { type: "application", name: project.name, version: project.version },
    },
    components,
  };
}

function component(id: string, integrity?: string): Record<string, unknown> {
  const at = id.lastIndexOf("@");
  const [name, version] = [id.slice(0, at), id.slice(at + 1)];
  const content = integrity?.startsWith("sha512-")
    ? Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex")
    : undefined;
  return {
    type: "library",
    name,
    version,
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    ...(content ? { hashes: [{ alg: "SHA-512", content }] } : {}),
  };
}

if (import.meta.main) {
  const read = async (path: string) => JSON.parse(await Deno.readTextFile(new URL(path, import.meta.url)));
  const text = JSON.stringify(
    makeSbom(await read("../../deno.lock"), await read("../../deno.json")),
    null,
    1,
  );
  await Deno.stdout.write(new TextEncoder().encode(`${text}\n`));
}
