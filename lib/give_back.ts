/**
 * Memory that is given back at once, and not when the garbage is collected.
 *
 * @module
 */

/** Below this size, in bytes, giving back costs more time than the memory is worth. */
const LEAST_BYTES = 16 * 1024;

/** Gives the memory of bytes back that nobody reads any more; they may be empty afterwards. */
export function giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
  if (buffer.byteLength >= LEAST_BYTES) buffer.transfer(0);
}

/** The same for a piece of a stream, as long as it has its memory for itself. */
export function giveBackPiece(piece: Uint8Array): void {
  const { buffer, byteLength } = piece;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) {
    giveBack(piece as Uint8Array<ArrayBuffer>);
  }
}
