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

Deno.test("the message is the one that JSON.stringify() writes, whatever is added and dropped", () => {
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

Deno.test("a list without items is an empty list", () => {
  assert.deepEqual(decode(new ListWriter(HEADER, "facts").finish()), {
    ...HEADER,
    facts: [],
    type: "direct.facts",
  });
});

Deno.test("a message has at most as many bytes as a broker takes", () => {
  const writer = new ListWriter(HEADER, "problems");
  const large = problem("x".repeat(1_000_000));
  const fill = () => {
    for (let added = 0; added < 20; added++) writer.add(large);
  };
  assert.throws(fill, { name: "TerminalError", code: "message-too-large" });
});
