import assert from "node:assert/strict";
import { readEnvironment } from "../../lib/lagoon.ts";

const labels = {
  "lagoon.sh/project": "proj",
  "lagoon.sh/environment": "main",
  "lagoon.sh/environmentId": "3",
};

Deno.test("readEnvironment() reads a Lagoon namespace's labels", () => {
  assert.deepEqual(readEnvironment("proj-main", labels), {
    namespace: "proj-main",
    environmentId: "3",
    projectName: "proj",
    environmentName: "main",
  });
});

Deno.test("readEnvironment() knows no environment when a label is missing or empty", () => {
  for (const name of Object.keys(labels)) {
    assert.equal(readEnvironment("proj-main", { ...labels, [name]: "" }), undefined, name);
  }
  assert.equal(readEnvironment("kube-system", undefined), undefined);
});
