import assert from "node:assert/strict";
import { createConsolePublisher } from "../../../lib/broker/console.ts";

Deno.test("the console publisher writes each message as one line at once", async () => {
  const lines: string[] = [];
  const publisher = createConsolePublisher((line) => lines.push(new TextDecoder().decode(line)));
  const { signal } = new AbortController();
  assert.equal(publisher.isReady(), true);
  assert.equal(await publisher.waitUntilReady({ timeoutMs: 0, signal }), undefined);
  for (const text of ['{"a":"ä"}', '{"b":1}']) {
    await publisher.publish({ id: "x", type: "test", body: new TextEncoder().encode(text) }, { signal });
  }
  assert.deepEqual(lines, ['{"a":"ä"}\n', '{"b":1}\n']);
});
