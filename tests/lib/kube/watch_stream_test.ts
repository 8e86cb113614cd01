import assert from "node:assert/strict";
import type { SkippedObject } from "../../../lib/kube/large_objects.ts";
import { readWatchEvents, type WatchEvent } from "../../../lib/kube/watch_stream.ts";

type Body = ReadableStream<Uint8Array>;

const ignore = () => {};

function body(...chunks: string[]): Body {
  return ReadableStream.from(chunks.map((chunk) => new TextEncoder().encode(chunk)));
}

function readBody(
  body: Body,
  onTooLarge: (object: SkippedObject) => void = ignore,
): AsyncGenerator<WatchEvent> {
  return readWatchEvents(body, { what: "watch configmaps", onChunk: ignore, onTooLarge });
}

async function read(...chunks: string[]): Promise<WatchEvent[]> {
  return await Array.fromAsync(readBody(body(...chunks)));
}

function line(type: string, name: string, annotations = {}): string {
  const metadata = { name, namespace: "main", uid: "u", resourceVersion: "1", annotations };
  return JSON.stringify({ type, object: { metadata } }) + "\n";
}

function shortForm({ type, object }: WatchEvent): string {
  return `${type} ${object.metadata.name}`;
}

Deno.test("readWatchEvents() reads events wherever chunks are cut", async () => {
  const bytes = new TextEncoder().encode(line("ADDED", "ä") + "\n" + line("DELETED", "b"));
  for (let cut = 1; cut < bytes.length; cut++) {
    const events = await Array.fromAsync(
      readBody(ReadableStream.from([bytes.slice(0, cut), bytes.slice(cut)])),
    );
    assert.deepEqual(events.map(shortForm), ["ADDED ä", "DELETED b"]);
  }
});

Deno.test("readWatchEvents() ignores a last event that was cut off", async () => {
  assert.equal((await read(line("ADDED", "a"), '{"type":"ADD')).length, 1);
});

Deno.test("readWatchEvents() throws the status of an ERROR event, after the events before it", async () => {
  const status = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };
  const events = readBody(
    body(line("ADDED", "a") + JSON.stringify({ type: "ERROR", object: status }) + "\n"),
  );
  assert.equal((await events.next()).value?.type, "ADDED");
  await assert.rejects(events.next(), {
    name: "KubeError",
    status: 410,
    message: "Cannot watch configmaps as the API server answered 410: too old resource version",
  });
});

Deno.test("readWatchEvents() throws on anything that is not an event, after the events before it", async () => {
  const documents = [
    "<html>",
    "}",
    "null",
    "[]",
    "1",
    '{"type":"ADDED"}',
    '{"type":"OTHER","object":{}}',
    '{"object":{}}',
  ];
  for (const text of documents) {
    const events = readBody(body(line("ADDED", "a") + `${text}\n`));
    assert.equal((await events.next()).value?.type, "ADDED");
    await assert.rejects(events.next(), /sent something that is not a watch event/, text);
  }
});

Deno.test("an event that is too large costs only itself, and is reported by its object's name", async () => {
  const skipped: SkippedObject[] = [];
  const note = { note: "x".repeat(5 * 1024 * 1024) };
  const text = line("ADDED", "a") + line("MODIFIED", "large", note) + line("ADDED", "b");
  for (const chunks of [[text], text.match(/[^]{1,10000}/g) ?? []]) {
    const events = await Array.fromAsync(readBody(body(...chunks), (object) => skipped.push(object)));
    assert.deepEqual(events.map(shortForm), ["ADDED a", "ADDED b"]);
  }
  assert.deepEqual(skipped, [{ namespace: "main", name: "large" }, { namespace: "main", name: "large" }]);
});

Deno.test("an event as large as metadata may be is read", async () => {
  const note = { note: "<".repeat(250 * 1024) };
  const [event] = await read(line("ADDED", "a", note).replaceAll("<", "\\u003c"));
  assert.deepEqual(event?.object.metadata.annotations, note);
});

Deno.test("readWatchEvents() reports every chunk, also those without a whole event", async () => {
  let chunks = 0;
  const parts = body('{"type":', '"ADDED","object":{"metadata":{}}}', "\n");
  await Array.fromAsync(readWatchEvents(parts, { what: "", onChunk: () => chunks++, onTooLarge: ignore }));
  assert.equal(chunks, 3);
});

Deno.test("readWatchEvents() cancels the body when its caller stops", async () => {
  let cancelled = false;
  const endless: Body = new ReadableStream({
    pull: (controller) => controller.enqueue(new TextEncoder().encode(line("ADDED", "a"))),
    cancel: () => {
      cancelled = true;
    },
  });
  for await (const _event of readBody(endless)) break;
  assert.equal(cancelled, true);
});
