import assert from "node:assert/strict";
import { environmentFromLabels } from "../../lib/lagoon.ts";

const labels = {
  "lagoon.sh/project": "proj",
  "lagoon.sh/environment": "main",
  "lagoon.sh/environmentId": "3",
};

Deno.test("environmentFromLabels() reads a Lagoon namespace's labels", () => {
  assert.deepEqual(environmentFromLabels("proj-main", labels), {
    namespace: "proj-main",
    environmentId: "3",
    projectName: "proj",
    environmentName: "main",
  });
});

Deno.test("environmentFromLabels() returns undefined when a label is missing or empty", () => {
  for (const name of Object.keys(labels)) {
    assert.equal(environmentFromLabels("proj-main", { ...labels, [name]: "" }), undefined, name);
  }
  assert.equal(environmentFromLabels("kube-system", undefined), undefined);
});
