/**
 * PEM files that an option names. Mistakes are found here, where the option is known: TLS would ignore a file without
 * certificates, and blame the server.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { describeError } from "../errors.ts";

/** A PEM file. */
export interface PemFile {
  readonly path: string;
  /** The kind of block that it must hold. */
  readonly holds: "CERTIFICATE" | "PRIVATE KEY";
  /** For error messages, such as `TLS to the broker`. */
  readonly purpose: string;
  /** The environment variable that names the file. */
  readonly option: string;
}

/**
 * Reads a PEM file, and checks that its certificates are whole.
 *
 * @throws {Error} Naming file and option, when it can't be read or doesn't hold what it should; never its content.
 */
export async function readPem(
  { path, holds, purpose, option }: PemFile,
  readTextFile: (path: string) => Promise<string>,
): Promise<string> {
  const text = await readTextFile(path).catch((error) => {
    const fix = `provide the file, or correct ${option}`;
    throw new Error(`Cannot read ${path} for ${purpose}: ${describeError(error)}: ${fix}`);
  });
  const unusable = (why: string) =>
    new Error(`Cannot use ${path} for ${purpose}: ${why}: correct the file, or ${option}`);
  // The end is optional, so that a truncated block is found, too. Base64 has no hyphen.
  const block = new RegExp(`-----BEGIN [A-Z ]*${holds}-----[^-]*(?:-----END [A-Z ]*-----)?`, "g");
  const blocks = text.match(block) ?? [];
  if (blocks.length === 0) throw unusable(`it has no PEM block "${holds}"`);
  const broken = holds === "CERTIFICATE" ? blocks.findIndex((block) => !isCertificate(block)) : -1;
  if (broken >= 0) throw unusable(`its certificate ${broken + 1} of ${blocks.length} is broken`);
  return text;
}

/** Deno's TLS skips a broken certificate, or panics, depending on its place in the file. */
function isCertificate(block: string): boolean {
  try {
    return new X509Certificate(block).raw.length > 0;
  } catch {
    return false;
  }
}
