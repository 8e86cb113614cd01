/** Holds docs/growth.svg to docs/growth.json, and to what GitHub shows. */
import assert from "node:assert/strict";
import { PLOT, readGrowth } from "./growth_data.ts";
import { plotGrowth } from "./plot.ts";

const LARGEST_BYTES = 20_000;

Deno.test("docs/growth.svg is what the plot makes of docs/growth.json", async () => {
  const isInStep = await Deno.readTextFile(PLOT) === plotGrowth(await readGrowth());
  assert.ok(isInStep, "docs/growth.svg is out of date: `deno task bench:growth --plot` draws it again");
});

Deno.test("docs/growth.svg is well-formed, small, and nothing in it runs or is loaded", async () => {
  const text = await Deno.readTextFile(PLOT);
  assertWellFormed(text);
  assert.match(text, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
  assert.doesNotMatch(text, /<script|\son\w+=|href|url\(|@import/);
  assert.ok(new TextEncoder().encode(text).length < LARGEST_BYTES, `${text.length}`);
  // A value that is missing would be drawn as one of these.
  assert.doesNotMatch(text, /NaN|undefined|Infinity/);
});

Deno.test("what comes of a run that was cut off is dashed, and nothing else is", () => {
  const point = { count: 1000, seconds: 1, peakMegabytes: 100, restMegabytes: 90 };
  const more = { ...point, count: 5000 };
  const dashed = (svg: string) => [...svg.matchAll(/ computed"/g)].length;
  const data = { how: {}, start: [point, more], drain: [point, more], large: [] };
  assert.equal(dashed(plotGrowth(data)), 0);
  const cutOff = { ...more, cutOff: { sent: 100, seconds: 1 } };
  // Time, peak and rest.
  assert.equal(dashed(plotGrowth({ ...data, drain: [point, cutOff] })), 3);
});

Deno.test("the check of well-formedness refuses what isn't", () => {
  for (const text of ["<svg>", "<svg></g></svg>", "<svg a=b/>", "<svg>&nbsp;</svg>", "<svg/><svg/>"]) {
    assert.throws(() => assertWellFormed(text), `not refused: ${text}`);
  }
});

/** As far as XML goes that has neither comments nor a prologue. */
function assertWellFormed(text: string): void {
  const open: string[] = [];
  let roots = 0;
  let rest = text.trim();
  while (rest !== "") {
    const [token = "", end, name = "", self] =
      /^<(\/?)([a-z]+)(?:\s+[\w-]+="[^"<&]*")*\s*(\/?)>|^[^<&]+/i.exec(rest) ??
        assert.fail(rest.slice(0, 80));
    rest = rest.slice(token.length);
    if (!token.startsWith("<")) {
      assert.ok(open.length > 0, `text outside: ${token}`);
    } else if (end) {
      assert.equal(open.pop(), name);
    } else {
      if (open.length === 0) roots++;
      if (!self) open.push(name);
    }
  }
  assert.deepEqual(open, []);
  assert.equal(roots, 1);
}
