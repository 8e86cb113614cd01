/** Medians, percentiles, ratios and verdicts. */
import assert from "node:assert/strict";
import { type Figure, median, percentile, ratioOf, type Target, verdictOf } from "./figure.ts";

function figure(parts: Partial<Figure>): Figure {
  return { name: "figure", unit: "/s", values: [1], ...parts };
}

Deno.test("the median does not depend on the order", () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([10, 9]), 9.5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([7]), 7);
});

Deno.test("a percentile is one of the values", () => {
  const values = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.equal(percentile(values, 0), 1);
  assert.equal(percentile(values, 0.99), 100);
  assert.equal(percentile(values, 1), 100);
  assert.deepEqual(values.slice(0, 2), [1, 2]);
});

Deno.test("the median of no values is an error", () => {
  assert.throws(() => median([]), RangeError);
});

Deno.test("the ratio is the median of the rounds' ratios, not the ratio of the medians", () => {
  const limit = { name: "the limit", values: [10, 100, 1000] };
  assert.equal(ratioOf(figure({ values: [5, 90, 100], limit })), 0.5);
  assert.equal(ratioOf(figure({})), undefined);
});

Deno.test("a value that equals the target reaches it", () => {
  const verdict = (kind: Target["kind"], value: number) => {
    const [must, aim] = kind === "at least" ? [10, 20] : [20, 10];
    return verdictOf(figure({ values: [value], target: { of: "value", kind, must, aim } }));
  };
  assert.deepEqual([20, 10, 9].map((value) => verdict("at least", value)), ["aim", "must", "missed"]);
  assert.deepEqual([10, 20, 21].map((value) => verdict("at most", value)), ["aim", "must", "missed"]);
  assert.equal(verdictOf(figure({})), "none");
});

Deno.test("a target for the ratio needs a limit and ignores the value itself", () => {
  const target: Target = { of: "ratio", kind: "at least", must: 0.5, aim: 1 };
  assert.equal(
    verdictOf(figure({ values: [6], limit: { name: "the limit", values: [10] }, target })),
    "must",
  );
  assert.throws(() => verdictOf(figure({ values: [6], target })), TypeError);
});
