/**
 * Writes to standard output and standard error, which may take fewer bytes than offered.
 *
 * @module
 */

/** Writes all of a text (as UTF-8) or of bytes. */
export function writeAll(
  output: { writeSync(bytes: Uint8Array): number },
  text: string | Uint8Array,
): void {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  for (let written = 0; written < bytes.length;) written += output.writeSync(bytes.subarray(written));
}
