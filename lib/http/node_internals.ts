/**
 * The only uses of node's internals. A test of each fails loudly when Deno no longer supports one.
 *
 * @module
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/**
 * Stops reading a socket for good; what the client sends stays in the kernel, which makes the client wait. A socket that is merely
 * paused reads ahead, 64 KiB or more for each of hundreds of connections.
 */
export function stopReading(socket: Socket): void {
  // Node calls it to read on.
  socket._read = () => {};
  socket.pause();
}

/**
 * Hands a server's sockets to `accept` instead of node.
 *
 * @returns Has node serve HTTP over a stream.
 */
export function takeConnections(
  server: Server,
  accept: (socket: Socket) => void,
): (connection: Duplex) => void {
  const [serve] = server.listeners("connection") as [(connection: Duplex) => void];
  server.off("connection", serve);
  server.on("connection", accept);
  return (connection) => serve.call(server, connection);
}
