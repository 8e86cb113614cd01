import assert from "node:assert/strict";
import { readWatchEvents, type WatchEvent } from "../../../lib/kube/watch_stream.ts";

function body(...chunks: string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(chunks.map((chunk) => new TextEncoder().encode(chunk)));
}

async function read(...chunks: string[]): Promise<WatchEvent[]> {
  return await Array.fromAsync(readWatchEvents(body(...chunks), "watch configmaps", () => {}));
}

function line(type: string, name: string): string {
  return JSON.stringify({ type, object: { metadata: { name, uid: "u", resourceVersion: "1" } } }) + "\n";
}

Deno.test("readWatchEvents() puts lines together wherever they were cut", async () => {
  const text = line("ADDED", "ä") + "\n" + line("DELETED", "b");
  const bytes = new TextEncoder().encode(text);
  for (let cut = 1; cut < bytes.length; cut++) {
    const parts = ReadableStream.from([bytes.slice(0, cut), bytes.slice(cut)]);
    const events = await Array.fromAsync(readWatchEvents(parts, "watch configmaps", () => {}));
    assert.deepEqual(events.map(({ type, object }) => [type, object.metadata.name]), [
      ["ADDED", "ä"],
      ["DELETED", "b"],
    ]);
  }
});

Deno.test("readWatchEvents() leaves out a last line that was cut off", async () => {
  assert.equal((await read(line("ADDED", "a"), '{"type":"ADD')).length, 1);
});

Deno.test("readWatchEvents() throws the status of an ERROR event", async () => {
  const status = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };
  await assert.rejects(read(JSON.stringify({ type: "ERROR", object: status }) + "\n"), {
    name: "KubeError",
    status: 410,
    message: "Cannot watch configmaps as the API server answered 410: too old resource version",
  });
});

Deno.test("readWatchEvents() throws on a line that is no event", async () => {
  for (
    const text of [
      "{",
      "null",
      "[]",
      "1",
      '{"type":"ADDED"}',
      '{"type":"OTHER","object":{}}',
      '{"object":{}}',
    ]
  ) {
    await assert.rejects(read(`${text}\n`), /sent a line that is not a watch event/, text);
  }
});

Deno.test("readWatchEvents() tells of everything that arrives, also of what is no event yet", async () => {
  let chunks = 0;
  const parts = body('{"type":', '"ADDED","object":{"metadata":{}}}', "\n");
  await Array.fromAsync(readWatchEvents(parts, "watch configmaps", () => chunks++));
  assert.equal(chunks, 3);
});

Deno.test("readWatchEvents() cancels the body when its caller stops", async () => {
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode(line("ADDED", "a"))),
    cancel: () => {
      cancelled = true;
    },
  });
  for await (const _event of readWatchEvents(endless, "watch configmaps", () => {})) break;
  assert.equal(cancelled, true);
});
