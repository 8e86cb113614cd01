/**
 * Unpacks request bodies with `Content-Encoding: gzip` as they arrive.
 *
 * @module
 */
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { AppError } from "../lib/errors.ts";
import { BodyError } from "../lib/insights/errors.ts";

/**
 * The bytes of a body without its encoding, some 16 KiB at a time, however well they are packed.
 *
 * @param resources Gets what has to be freed when nobody reads on.
 * @throws {AppError} Code `encoding-unknown`.
 */
export function unpack(
  body: AsyncIterable<Uint8Array> | undefined,
  encoding: string | undefined,
  resources: DisposableStack,
): AsyncIterable<Uint8Array> | undefined {
  if (body === undefined || !encoding || /^identity$/i.test(encoding)) return body;
  if (!/^(?:x-)?gzip$/i.test(encoding)) {
    throw new AppError("encoding-unknown", "The header Content-Encoding must be gzip, or absent");
  }
  // The reader gets the errors.
  const unpacked = pipeline(Readable.from(body), createGunzip(), () => {});
  resources.defer(() => unpacked.destroy());
  return rethrow(unpacked);
}

async function* rethrow(unpacked: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* unpacked;
  } catch (error) {
    if (!String(Object(error).code).startsWith("Z_")) throw error;
    throw new BodyError("body-not-gzip", "The body must be complete gzip data, as its Content-Encoding says");
  }
}
