import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { stopReading } from "../../../lib/http/stop_reading.ts";
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
