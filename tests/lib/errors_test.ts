import assert from "node:assert/strict";
import { AppError, describeError } from "../../lib/errors.ts";

Deno.test("describeError() tells the whole chain of causes in one line", () => {
  const error = new AppError("outer", "Cannot open the door", {
    cause: new Error("the key is lost", { cause: new Error("a hole in the pocket") }),
  });
  assert.equal(describeError(error), "Cannot open the door: the key is lost: a hole in the pocket");
});

Deno.test("describeError() says nothing twice, and has words for whatever was thrown", () => {
  assert.equal(
    describeError(new Error("failed: refused", { cause: new Error("refused") })),
    "failed: refused",
  );
  assert.equal(describeError(new DOMException("", "AbortError")), "AbortError");
  for (const thrown of [null, undefined, 0, "text"]) assert.equal(describeError(thrown), String(thrown));
});
