/** What the tests of client.ts can't reach. */
import assert from "node:assert/strict";
import { readJson, send } from "../../../lib/kube/transport.ts";

const { signal } = new AbortController();

/** A response whose body never ends. */
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

Deno.test("readJson() gives up at once when its signal was aborted before", async () => {
  await assert.rejects(readJson(hanging(), AbortSignal.abort(new Error("stop"))), { message: "stop" });
});

Deno.test("a body is read to its end, unless it is too large", async () => {
  const body = '{"a":"é"}';
  assert.deepEqual(await readJson(new Response(body), signal), { a: "é" });
  let cancelled = false;
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("1".repeat(100_000))),
    cancel: () => {
      cancelled = true;
    },
  });
  await assert.rejects(readJson(new Response(endless), signal), { code: "object-too-large" });
  assert.equal(cancelled, true);
});

Deno.test("a body that is not JSON is refused without quoting it", async () => {
  const body = '{"data":{"password":"secret" secret';
  const isSilent = (error: unknown) => error instanceof SyntaxError && !/secret/.test(String(error.stack));
  await assert.rejects(readJson(new Response(body), signal), isSilent);
});

Deno.test("send() gives up when its signal aborts while it waits for credentials", async () => {
  const never = new Promise<never>(() => {});
  const access = {
    server: "https://127.0.0.1:1",
    connect: () => never,
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
