import assert from "node:assert/strict";
import fc from "fast-check";
import type { SkippedObject } from "../../../lib/kube/large_objects.ts";
import { readList } from "../../../lib/kube/list_stream.ts";
import type { PartialObject } from "../../../lib/kube/objects.ts";

async function read(text: string, chunkSize = 64 * 1024) {
  const bytes = new TextEncoder().encode(text);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += chunkSize) chunks.push(bytes.slice(at, at + chunkSize));
  const items: PartialObject[] = [];
  const skipped: SkippedObject[] = [];
  let heard = 0;
  const head = await readList(ReadableStream.from(chunks), {
    onObject: (object) => items.push(object),
    onTooLarge: (object) => skipped.push(object),
    onChunk: () => heard++,
  });
  assert.equal(heard, chunks.length);
  return { head, items, skipped };
}

Deno.test("a list is read as JSON.parse() reads it, in any order of members, and however it is cut", async () => {
  const items = fc.array(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 4 })));
  const metadata = fc.constant({ resourceVersion: "7", continue: '[{"\\next' });
  const list = fc.oneof(
    fc.record({ kind: fc.constant("List"), metadata, items }, { noNullPrototype: true }),
    fc.record({ items, metadata }, { noNullPrototype: true }),
  );
  const space = fc.constantFrom(undefined, 2);
  await fc.assert(
    fc.asyncProperty(list, space, fc.integer({ min: 1, max: 40 }), async (value, indent, size) => {
      const text = JSON.stringify(value, null, indent);
      const result = await read(text, size);
      assert.deepEqual(result.items, JSON.parse(text).items);
      assert.deepEqual(result.head.metadata, value.metadata);
    }),
  );
});

Deno.test("a list without items is empty", async () => {
  for (const items of ["null", "[]"]) {
    const { items: found, head } = await read(`{"metadata":{"resourceVersion":"8"},"items":${items}}`);
    assert.deepEqual([found, head.metadata], [[], { resourceVersion: "8" }]);
  }
});

Deno.test("an object that is too large costs only itself, and is reported by its name", async () => {
  const item = (name: string, note = "") => ({
    metadata: { name, namespace: "main", annotations: { note } },
  });
  const items = [
    item("a"),
    item("large", "{".repeat(3_000_000)),
    item("b"),
    item("larger", "x".repeat(9_000_000)),
  ];
  const { items: found, skipped } = await read(JSON.stringify({ metadata: { resourceVersion: "1" }, items }));
  assert.deepEqual(found.map(({ metadata }) => metadata.name), ["a", "b"]);
  assert.deepEqual(skipped, [{ namespace: "main", name: "large" }, { namespace: "main", name: "larger" }]);
});

Deno.test("a list that is cut off, or is none, is refused without quoting it", async () => {
  const list = '{"metadata":{"resourceVersion":"8"},"items":[{"secret":"secret"},{"secret":1}]}';
  for (const text of [...Array.from({ length: list.length }, (_, end) => list.slice(0, end)), "<secret>"]) {
    const isSilent = (error: unknown) => error instanceof SyntaxError && !/secret/.test(String(error.stack));
    await assert.rejects(read(text), isSilent, text);
  }
});
