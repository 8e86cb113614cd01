/**
 * SBOMs out of a ConfigMap: gzip in base64, which may unpack to many times its size. It is unpacked as it is sent, and never
 * in memory as a whole.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createGunzip } from "node:zlib";
import { giveBackPiece } from "../give_back.ts";
import { TrackRefusedError } from "./errors.ts";

/** A gzip stream begins with these bytes. */
const GZIP_MAGIC = [0x1f, 0x8b] as const;

/**
 * Unpacks an SBOM piece by piece; one that isn't packed comes as it is.
 *
 * @param base64 As Kubernetes gives it.
 * @param maxBytes Most that it may unpack to.
 * @throws {TrackRefusedError} While it is read: code `track-sbom-too-large` above the limit, `track-sbom-broken` when it
 * is no gzip, or has no end.
 */
export async function* unpackSbom(base64: string, maxBytes: number): AsyncGenerator<Uint8Array> {
  const packed = Buffer.from(base64, "base64");
  let length = 0;
  for await (const piece of isGzip(packed) ? unzip(packed) : [packed]) {
    length += piece.length;
    if (length > maxBytes) {
      throw new TrackRefusedError(
        "track-sbom-too-large",
        `Cannot send this SBOM as it unpacks to more than ${maxBytes} bytes`,
      );
    }
    yield piece;
  }
}

/**
 * Reads a whole SBOM once and keeps nothing of it, so that a broken one is found out before anything is sent.
 *
 * @throws {TrackRefusedError} As {@link unpackSbom} does, and `track-sbom-broken` when it is empty.
 */
export async function checkSbom(base64: string, maxBytes: number): Promise<void> {
  let length = 0;
  for await (const piece of unpackSbom(base64, maxBytes)) {
    length += piece.length;
    giveBackPiece(piece);
  }
  if (length === 0) throw broken("it is empty");
}

async function* unzip(packed: Buffer): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  gunzip.end(packed);
  try {
    yield* gunzip;
  } catch (cause) {
    throw broken("it is not a whole gzip stream", cause);
  } finally {
    gunzip.destroy();
  }
}

function isGzip(bytes: Buffer): boolean {
  return GZIP_MAGIC.every((byte, at) => bytes[at] === byte);
}

function broken(why: string, cause?: unknown): TrackRefusedError {
  return new TrackRefusedError("track-sbom-broken", `Cannot send this SBOM as ${why}: build it again`, {
    cause,
  });
}
