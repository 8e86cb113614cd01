import assert from "node:assert/strict";
import { TerminalError } from "../../../lib/errors.ts";
import { encodeMessage, MAX_MESSAGE_BYTES } from "../../../lib/insights/messages.ts";

const DELETION = { type: "direct.delete.facts", environment: 3, service: "" } as const;

Deno.test("encodeMessage() writes JSON in UTF-8", () => {
  const body = encodeMessage({ ...DELETION, source: "é😀" });
  assert.equal(
    new TextDecoder().decode(body),
    '{"type":"direct.delete.facts","environment":3,"service":"","source":"é😀"}',
  );
});

Deno.test("encodeMessage() accepts exactly MAX_MESSAGE_BYTES, and rejects more", () => {
  const empty = encodeMessage({ ...DELETION, source: "" }).length;
  const source = "x".repeat(MAX_MESSAGE_BYTES - empty);
  assert.equal(encodeMessage({ ...DELETION, source }).length, MAX_MESSAGE_BYTES);
  assert.throws(
    () => encodeMessage({ ...DELETION, source: `${source}x` }),
    (error) => error instanceof TerminalError && error.code === "message-too-large",
  );
});
