/**
 * Files with certificates or keys that an option names. What is wrong with one is found here, where the option can be told:
 * TLS would take it for one without certificates, and blame the server.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { describeError } from "../errors.ts";

/** A file in PEM. */
export interface PemFile {
  /** Where it is. */
  readonly path: string;
  /** What it must hold at least one of. */
  readonly holds: "CERTIFICATE" | "PRIVATE KEY";
  /** What for, such as `TLS to the broker`. */
  readonly purpose: string;
  /** The environment variable that names it. */
  readonly option: string;
}

/**
 * Reads a file, whose certificates are then all whole.
 *
 * @throws {Error} Naming file and option, when it can't be read, or doesn't hold what it should; never its content.
 */
export async function readPem(
  { path, holds, purpose, option }: PemFile,
  readTextFile: (path: string) => Promise<string>,
): Promise<string> {
  let text: string;
  try {
    text = await readTextFile(path);
  } catch (error) {
    throw new Error(
      `Cannot read ${path} for ${purpose}: ${describeError(error)}: put it there, or correct ${option}`,
    );
  }
  const unusable = (why: string) =>
    new Error(`Cannot use ${path} for ${purpose} as ${why}: correct it, or ${option}`);
  // What is cut off is a block, too. No base64 has a hyphen.
  const blocks =
    text.match(new RegExp(`-----BEGIN [A-Z ]*${holds}-----[^-]*(?:-----END [A-Z ]*-----)?`, "g")) ?? [];
  if (blocks.length === 0) throw unusable(`it must hold a PEM block "${holds}"`);
  const broken = holds === "CERTIFICATE" ? blocks.findIndex((block) => !isCertificate(block)) : -1;
  if (broken >= 0) throw unusable(`its certificate number ${broken + 1} of ${blocks.length} is broken`);
  return text;
}

/** Deno's TLS leaves out one that is broken, or ends the program by it, depending on where in the file it is. */
function isCertificate(block: string): boolean {
  try {
    return new X509Certificate(block).raw.length > 0;
  } catch {
    return false;
  }
}
