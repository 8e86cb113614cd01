/**
 * The only use of node's internals: it stops reading a socket for good. A socket that is merely paused reads ahead, 64 KiB
 * or more for each of hundreds of connections.
 *
 * @module
 */
import type { Socket } from "node:net";

/** Stops reading; what the client sends stays in the kernel, which makes the client wait. */
export function stopReading(socket: Socket): void {
  // Node calls it to read on.
  socket._read = () => {};
  socket.pause();
}
