/** Checks that docs/growth.svg matches docs/growth.json, and that GitHub can show it. */
import assert from "node:assert/strict";
import { PLOT, readGrowth } from "./growth_data.ts";
import { plotGrowth } from "./plot.ts";

const MAX_BYTES = 20_000;

Deno.test("docs/growth.svg is generated from docs/growth.json", async () => {
  const isCurrent = await Deno.readTextFile(PLOT) === plotGrowth(await readGrowth());
  assert.ok(isCurrent, "docs/growth.svg is out of date: run `deno task bench:growth --plot`");
});

Deno.test("docs/growth.svg is well-formed and small, without scripts or external resources", async () => {
  const text = await Deno.readTextFile(PLOT);
  assertWellFormed(text);
  assert.match(text, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
  assert.doesNotMatch(text, /<script|\son\w+=|href|url\(|@import/);
  assert.ok(new TextEncoder().encode(text).length < MAX_BYTES, `${text.length}`);
  // A missing value would be drawn as one of these.
  assert.doesNotMatch(text, /NaN|undefined|Infinity/);
});

Deno.test("only values of a run that was cut off are dashed", () => {
  const point = { count: 1000, seconds: 1, peakMegabytes: 100, restMegabytes: 90 };
  const more = { ...point, count: 5000 };
  const dashed = (svg: string) => [...svg.matchAll(/ computed"/g)].length;
  const data = { how: {}, start: [point, more], drain: [point, more], large: [] };
  assert.equal(dashed(plotGrowth(data)), 0);
  const cutOff = { ...more, cutOff: { sent: 100, seconds: 1 } };
  // Time, peak and memory at rest.
  assert.equal(dashed(plotGrowth({ ...data, drain: [point, cutOff] })), 3);
});

Deno.test("the check for well-formed XML rejects malformed documents", () => {
  for (const text of ["<svg>", "<svg></g></svg>", "<svg a=b/>", "<svg>&nbsp;</svg>", "<svg/><svg/>"]) {
    assert.throws(() => assertWellFormed(text), `accepted: ${text}`);
  }
});

/** Supports XML without comments or a prologue. */
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
      assert.ok(open.length > 0, `text outside the root: ${token}`);
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
