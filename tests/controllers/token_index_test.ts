import assert from "node:assert/strict";
import { isGood, TokenIndex, type TokenSecret } from "../../controllers/token_index.ts";

const LABELS = { "lagoon.sh/insights-token": "true", "lagoon.sh/dynamic-secret": "insights-token" };

function secret(token: string): TokenSecret {
  return { labels: LABELS, data: { INSIGHTS_TOKEN: btoa(token) } };
}

function setUp() {
  const bad: string[] = [];
  const index = new TokenIndex((namespace) => bad.push(namespace));
  /** Namespaces that were reported since the last call. */
  const newBad = () => bad.splice(0);
  const list = () => {
    index.setListed("namespaces");
    index.setListed("secrets");
    newBad();
  };
  return { index, newBad, list };
}

Deno.test("isGood() compares our labels and the token, and nothing else", () => {
  const expected = secret("a");
  const { labels, data } = expected;
  assert.equal(isGood(secret("a"), expected), true);
  const other = { labels: { ...labels, "other": "1" }, data: { ...data, other: "1" } };
  assert.equal(isGood(other, expected), true);
  const bad: Record<string, TokenSecret> = {
    "empty": { labels: {}, data: {} },
    "another token": secret("b"),
    "no token": { labels, data: {} },
    "no labels": { labels: {}, data },
    "one label": { labels: { "lagoon.sh/insights-token": "true" }, data },
    "the other label": { labels: { "lagoon.sh/dynamic-secret": "insights-token" }, data },
    "another value": { labels: { ...labels, "lagoon.sh/insights-token": "false" }, data },
  };
  for (const [name, found] of Object.entries(bad)) assert.equal(isGood(found, expected), false, name);
});

Deno.test("nothing is bad before both lists are complete, in either order, and then only what is not good", () => {
  for (const order of [["namespaces", "secrets"], ["secrets", "namespaces"]] as const) {
    const { index, newBad } = setUp();
    for (const kind of order) {
      if (kind === "namespaces") {
        for (const name of ["good", "wrong", "missing"]) index.setNamespace(name, secret(name));
      } else {
        index.setSecret("good", secret("good"));
        index.setSecret("wrong", secret("other"));
      }
      assert.deepEqual(newBad(), []);
      index.setListed(kind);
    }
    assert.deepEqual(newBad().sort(), ["missing", "wrong"], order.join());
    assert.deepEqual(index.counts, { current: 1, outstanding: 2 });
  }
});

Deno.test("a good Secret that is seen again is not bad, nor is its namespace while its token stays", () => {
  const { index, newBad, list } = setUp();
  list();
  index.setSecret("a", secret("a"));
  index.setNamespace("a", secret("a"));
  index.setNamespace("a", secret("a"));
  index.setSecret("a", secret("a"));
  assert.deepEqual(newBad(), []);
});

Deno.test("a namespace whose token changes, and a Secret that changes or is deleted, is bad", () => {
  const { index, newBad, list } = setUp();
  index.setNamespace("a", secret("a"));
  index.setSecret("a", secret("a"));
  list();
  index.setNamespace("a", secret("b"));
  assert.deepEqual(newBad(), ["a"]);
  index.setSecret("a", secret("b"));
  assert.deepEqual(newBad(), []);
  index.setSecret("a", { ...secret("b"), labels: {} });
  assert.deepEqual(newBad(), ["a"]);
  index.setSecret("a", undefined);
  assert.deepEqual(newBad(), ["a"]);
  assert.deepEqual(index.counts, { current: 0, outstanding: 1 });
});

Deno.test("what is still bad is reported again by each new list", () => {
  const { index, newBad, list } = setUp();
  list();
  index.setNamespace("a", secret("a"));
  newBad();
  index.setListed("secrets");
  assert.deepEqual(newBad(), ["a"]);
});

Deno.test("a namespace that is not an environment, or is gone, is never bad and not counted", () => {
  const { index, newBad, list } = setUp();
  index.setNamespace("a", secret("a"));
  index.setSecret("a", secret("a"));
  list();
  index.setNamespace("a", undefined);
  index.setSecret("a", undefined);
  index.setSecret("kube-system", secret("b"));
  index.setNamespace("never-seen", undefined);
  assert.deepEqual(newBad(), []);
  assert.deepEqual(index.counts, { current: 0, outstanding: 0 });
});

Deno.test("a namespace that becomes an environment again has the Secret that was seen before or meanwhile", () => {
  const { index, newBad, list } = setUp();
  index.setNamespace("a", secret("a"));
  index.setSecret("a", secret("a"));
  index.setSecret("b", secret("changed"));
  list();
  index.setNamespace("a", undefined);
  index.setNamespace("a", secret("a"));
  assert.deepEqual(newBad(), []);
  assert.deepEqual(index.counts, { current: 1, outstanding: 0 });
  index.setNamespace("b", secret("b"));
  assert.deepEqual(newBad(), ["b"]);
});
