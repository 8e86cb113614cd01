/**
 * HMAC-SHA-256, as the two hashes that it is (RFC 2104): Node's own makes a stream for each and takes twice as long, which
 * a start notices that checks the tokens of thousands of namespaces (docs/performance.md).
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** Of a block of SHA-256, in bytes. */
const BLOCK_BYTES = 64;
const INNER = 0x36;
const OUTER = 0x5c;

const encoder = new TextEncoder();

/**
 * Makes the function that gives the 32 bytes which only somebody with the secret can make of a text. Comparing them is up to
 * the caller.
 */
export function createHmacSha256(secret: string): (text: string) => Buffer {
  const key = encoder.encode(secret);
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? sha256(key) : key);
  const inner = block.map((byte) => byte ^ INNER);
  const outer = block.map((byte) => byte ^ OUTER);
  return (text) => sha256(outer, sha256(inner, text));
}

function sha256(...pieces: readonly (Uint8Array | string)[]): Buffer {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
}
