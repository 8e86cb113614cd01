import assert from "node:assert/strict";
import { TokenIndex } from "../../controllers/token_index.ts";
import type { Environment } from "../../lib/lagoon.ts";

const LABELS = { ours: "true" };

function environment(namespace: string, environmentId = "3"): Environment {
  return { namespace, environmentId, projectName: "proj", environmentName: "main" };
}

function token({ namespace, environmentId }: Environment): string {
  return `${namespace}/${environmentId}`;
}

function secret(namespace: string, environmentId = "3") {
  return { labels: LABELS, data: { INSIGHTS_TOKEN: btoa(token(environment(namespace, environmentId))) } };
}

function setUp() {
  const doubts: string[] = [];
  const index = new TokenIndex({
    labels: LABELS,
    expectedToken: token,
    onDoubt: (namespace) => doubts.push(namespace),
  });
  /** What has come into doubt since the last call. */
  const newDoubts = () => doubts.splice(0);
  const list = () => {
    index.setListed("namespaces");
    index.setListed("secrets");
  };
  return { index, newDoubts, list };
}

Deno.test("nothing is in doubt before both lists have gone through, and then only what is not good", () => {
  for (const order of [["namespaces", "secrets"], ["secrets", "namespaces"]] as const) {
    const { index, newDoubts } = setUp();
    for (const kind of order) {
      if (kind === "namespaces") {
        for (const name of ["a", "b", "c"]) index.setNamespace(name, environment(name));
      }
      if (kind === "secrets") {
        index.setSecret("a", secret("a"));
        index.setSecret("b", secret("b", "4"));
      }
      assert.deepEqual(newDoubts(), []);
      index.setListed(kind);
    }
    assert.deepEqual(newDoubts(), ["b", "c"], order.join());
    assert.deepEqual(index.counts, { namespaces: 3, good: 1 });
  }
});

Deno.test("a good Secret that is seen again is not in doubt, nor is its namespace while its labels stay", () => {
  const { index, newDoubts, list } = setUp();
  index.setNamespace("a", environment("a"));
  index.setSecret("a", secret("a"));
  list();
  index.setNamespace("a", environment("a"));
  index.setSecret("a", secret("a"));
  assert.deepEqual(newDoubts(), []);
});

Deno.test("a namespace whose labels change, and a Secret that changes or goes, is in doubt", () => {
  const { index, newDoubts, list } = setUp();
  index.setNamespace("a", environment("a"));
  index.setSecret("a", secret("a"));
  list();
  index.setNamespace("a", environment("a", "4"));
  assert.deepEqual(newDoubts(), ["a"]);
  index.setSecret("a", secret("a", "4"));
  assert.deepEqual(newDoubts(), []);
  index.setSecret("a", { ...secret("a", "4"), labels: {} });
  assert.deepEqual(newDoubts(), ["a"]);
  index.setSecret("a", undefined);
  assert.deepEqual(newDoubts(), ["a"]);
  assert.deepEqual(index.counts, { namespaces: 1, good: 0 });
});

Deno.test("a namespace that is no environment, or gone, is never in doubt and not counted", () => {
  const { index, newDoubts, list } = setUp();
  index.setNamespace("a", environment("a"));
  index.setSecret("a", secret("a"));
  list();
  index.setNamespace("a", undefined);
  index.setSecret("a", undefined);
  index.setSecret("kube-system", secret("kube-system"));
  index.removeNamespace("never-seen");
  assert.deepEqual(newDoubts(), []);
  assert.deepEqual(index.counts, { namespaces: 0, good: 0 });
});

Deno.test("a namespace that becomes an environment later is in doubt, whatever was listed early", () => {
  const { index, newDoubts, list } = setUp();
  index.setSecret("a", secret("a"));
  list();
  index.setNamespace("a", environment("a"));
  assert.deepEqual(newDoubts(), ["a"]);
});
