/** What the client's tests can't reach; all else about requests is in client_test.ts. */
import assert from "node:assert/strict";
import { readJson, send } from "../../../lib/kube/transport.ts";

/** An answer whose body never ends. */
function hanging(): Response {
  return new Response(
    new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array([0x7b])) }),
  );
}

Deno.test("readJson() gives up when its signal aborts, though the body never ends", async () => {
  const controller = new AbortController();
  const reading = readJson(hanging(), controller.signal);
  controller.abort(new Error("stop"));
  await assert.rejects(reading, { message: "stop" });
});

Deno.test("readJson() gives up at once when its signal has aborted before", async () => {
  await assert.rejects(readJson(hanging(), AbortSignal.abort(new Error("stop"))), { message: "stop" });
});

Deno.test("readJson() reads a body to its end", async () => {
  assert.deepEqual(await readJson(new Response('{"a":1}'), new AbortController().signal), { a: 1 });
});

Deno.test("send() gives up when its signal aborts while credentials are still being asked for", async () => {
  const never = new Promise<never>(() => {});
  const access = {
    server: "https://127.0.0.1:1",
    httpClient: () => never,
    headers: () => never,
    namespace: () => never,
    invalidate: () => {},
    close: () => {},
  };
  const stop = new AbortController();
  const sent = send(access, { method: "GET", path: "/", what: "get it", signal: stop.signal });
  const reason = new Error("enough");
  stop.abort(reason);
  await assert.rejects(sent, reason);
});
