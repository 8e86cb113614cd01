/**
 * Unpacks the SBOM of a ConfigMap: gzip in base64, which may unpack to many times its size. It is unpacked while it is sent
 * and never held in memory as a whole.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { freePiece, gunzip, isGzip } from "../insights/gzip.ts";
import { DependencyTrackRefusedError } from "./errors.ts";

/**
 * Unpacks an SBOM piece by piece; one that isn't packed is returned as it is.
 *
 * @param maxBytes Limit for the unpacked SBOM.
 * @throws {DependencyTrackRefusedError} While it is read: code `track-sbom-too-large` above the limit, `track-sbom-broken`
 * when it is not a whole gzip stream.
 */
export async function* unpackSbom(base64: string, maxBytes: number): AsyncGenerator<Uint8Array> {
  const packed = Buffer.from(base64, "base64");
  let length = 0;
  for await (const piece of isGzip(packed) ? unzip(packed) : [packed]) {
    length += piece.length;
    if (length > maxBytes) {
      throw new DependencyTrackRefusedError(
        "track-sbom-too-large",
        `Cannot send this SBOM because it unpacks to more than ${maxBytes} bytes`,
      );
    }
    yield piece;
  }
}

/**
 * Unpacks an SBOM and drops it.
 *
 * @throws {DependencyTrackRefusedError} As {@link unpackSbom} does, and `track-sbom-broken` when it is empty.
 */
export async function checkSbom(base64: string, maxBytes: number): Promise<void> {
  let length = 0;
  for await (const piece of unpackSbom(base64, maxBytes)) {
    length += piece.length;
    freePiece(piece);
  }
  if (length === 0) throw broken("it is empty");
}

async function* unzip(packed: Buffer): AsyncGenerator<Uint8Array> {
  try {
    yield* gunzip(packed);
  } catch (cause) {
    throw broken("it is not a whole gzip stream", cause);
  }
}

function broken(why: string, cause?: unknown): DependencyTrackRefusedError {
  return new DependencyTrackRefusedError(
    "track-sbom-broken",
    `Cannot send this SBOM because ${why}: build it again`,
    { cause },
  );
}
