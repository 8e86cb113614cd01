/**
 * Gzip as a stream, in pieces that never add up in memory.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { constants, createGunzip, createGzip } from "node:zlib";

const PIECE_BYTES = 64 * 1024;
/** A third of the time of the default for an SBOM, which becomes 15% larger. */
const LEVEL = 3;

/** Whether bytes begin as gzip does, with its only method. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

/**
 * Unpacks gzip, piece by piece.
 *
 * @param options.allowCut Whether a stream that is cut off just ends, instead of with an error.
 * @throws {Error} While it is read: when the stream is damaged. The last piece before the damage is lost.
 */
export async function* gunzip(
  packed: Uint8Array,
  { allowCut = false }: { allowCut?: boolean } = {},
): AsyncGenerator<Uint8Array> {
  const finishFlush = allowCut ? constants.Z_SYNC_FLUSH : constants.Z_FINISH;
  const stream = createGunzip({ chunkSize: PIECE_BYTES, finishFlush });
  stream.end(packed);
  try {
    yield* stream;
  } finally {
    stream.destroy();
  }
}

/** Packs pieces. Each is no longer used when the next one is requested. */
export async function gzip(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Buffer> {
  const stream = createGzip({ level: LEVEL });
  const packed: Buffer[] = [];
  const ended = new Promise((resolve, reject) => stream.on("end", resolve).on("error", reject));
  stream.on("data", (piece: Buffer) => packed.push(piece));
  try {
    for await (const piece of pieces) {
      await new Promise((resolve) => stream.write(piece, resolve));
    }
    stream.end();
    await ended;
    return Buffer.concat(packed);
  } finally {
    stream.destroy();
  }
}

/** Frees the memory of a piece that is no longer used, unless it is shared: garbage collections come too late. */
export function freePiece({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
