import assert from "node:assert/strict";
import { AppError, describeError } from "../../lib/errors.ts";

Deno.test("describeError() joins the chain of causes in one line", () => {
  const error = new AppError("outer", "Cannot open the file", {
    cause: new Error("no permission", { cause: new Error("another owner") }),
  });
  assert.equal(describeError(error), "Cannot open the file: no permission: another owner");
});

Deno.test("describeError() repeats no cause, and accepts anything that was thrown", () => {
  assert.equal(
    describeError(new Error("failed: refused", { cause: new Error("refused") })),
    "failed: refused",
  );
  assert.equal(describeError(new DOMException("", "AbortError")), "AbortError");
  for (const thrown of [null, undefined, 0, "text"]) assert.equal(describeError(thrown), String(thrown));
});
