import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createHttpServer } from "node:http";
import { PassThrough } from "node:stream";
import { stopReading, takeConnections } from "../../../lib/http/node_internals.ts";
import { turn } from "../../fixtures/clock.ts";
import { RawClient } from "../../fixtures/raw_client.ts";

Deno.test("stopReading() stops at once: if this fails, Deno reads sockets in another way", async () => {
  const server = createServer({ highWaterMark: 16 * 1024 }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const stopped = Promise.withResolvers<Socket>();
  server.on("connection", (socket) => {
    socket.on("data", () => {
      stopReading(socket);
      stopped.resolve(socket);
    });
  });
  using client = await RawClient.connect((server.address() as AddressInfo).port);
  const sending = client.sendUntilRefused("x".repeat(65_536));
  const socket = await stopped.promise;
  const before = socket.bytesRead;
  for (let turns = 0; turns < 100; turns++) await turn();
  assert.deepEqual([socket.bytesRead - before, socket.readableLength], [0, 0]);
  socket.destroy();
  assert.ok(await sending > socket.bytesRead);
  server.close();
  await once(server, "close");
});

Deno.test("takeConnections() keeps sockets from node, and has it serve a stream: if this fails, Deno accepts in another way", async () => {
  const server = createHttpServer((_request, response) => response.end("served"));
  const accepted = Promise.withResolvers<Socket>();
  const serve = takeConnections(server, (socket) => accepted.resolve(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  using client = await RawClient.connect((server.address() as AddressInfo).port);
  await client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const socket = await accepted.promise;
  assert.equal(socket.listenerCount("data"), 0);
  const connection = new PassThrough();
  serve(connection);
  assert.ok(connection.listenerCount("data") > 0);
  socket.destroy();
  connection.destroy();
  server.close();
  await once(server, "close");
});
