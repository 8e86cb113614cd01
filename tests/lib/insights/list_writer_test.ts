import assert from "node:assert/strict";
import fc from "fast-check";
import { ListWriter } from "../../../lib/insights/list_writer.ts";
import type { ProblemEntry } from "../../../lib/insights/messages.ts";

const HEADER = { environment: 3, projectName: 'pröj "x"', environmentName: "main" };

function decode(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
}

function problem(identifier: string): ProblemEntry {
  return { environment: 3, identifier, data: "{}" };
}

Deno.test("whatever is added and dropped, the message is the one that a JSON encoder writes", () => {
  const item = fc.record({ text: fc.string({ unit: "binary", maxLength: 50 }), isDropped: fc.boolean() });
  fc.assert(fc.property(fc.array(item, { maxLength: 12 }), fc.boolean(), (items, inReverse) => {
    const writer = new ListWriter(HEADER, "problems");
    const spans = items.map(({ text }) => writer.add(problem(text)));
    const dropped = spans.filter((_, index) => items[index]!.isDropped);
    for (const span of inReverse ? dropped.toReversed() : dropped) writer.drop(span);
    const kept = items.filter(({ isDropped }) => !isDropped);
    assert.equal(
      new TextDecoder().decode(writer.finish()),
      JSON.stringify({
        ...HEADER,
        problems: kept.map(({ text }) => problem(text)),
        type: "direct.problems",
      }),
    );
  }));
});

Deno.test("a list without items is an empty one", () => {
  assert.deepEqual(decode(new ListWriter(HEADER, "facts").finish()), {
    ...HEADER,
    facts: [],
    type: "direct.facts",
  });
});

Deno.test("what is held grows with the message, and hardly beyond the largest one", () => {
  const writer = new ListWriter(HEADER, "problems");
  assert.equal(writer.heldBytes, 1024);
  writer.add(problem("x".repeat(100_000)));
  // Blocks of 1, 2, 4, … 64 KiB.
  assert.ok(writer.heldBytes >= 100_000 && writer.heldBytes < 128 * 1024, `${writer.heldBytes}`);
  const fill = () => {
    for (;;) writer.add(problem("x".repeat(999_999)));
  };
  assert.throws(fill, { code: "message-too-large" });
  assert.ok(writer.heldBytes <= 17 * 1024 * 1024 + 262_144, `${writer.heldBytes}`);
});
