import assert from "node:assert/strict";
import { isBranchOf } from "../../../lib/insights/environment_name.ts";

const LONG_PROJECT = "fabulousnesses-bouncing-crimson-woodpecker-68e703a96368c";

/** Names as Lagoon's own tests of `MakeSafe` and `ShortenEnvironment` have them, and letters of which Go has another lower case. */
const ENVIRONMENTS: readonly (readonly [branch: string, project: string, environment: string])[] = [
  ["main", "proj", "main"],
  ["Feature/Branch", "proj", "feature-branch"],
  ["1.x_ü", "proj", "1-x--"],
  ["a/😀", "proj", "a--"],
  ["K\u212a\u0130", "proj", "kki"],
  [
    "Feature/Really-Exceedingly-Long-Environment-Name-For-A-Branch",
    "this-is-my-project",
    "feature-really-exceedingly-long-env-dc8c",
  ],
  ["main", LONG_PROJECT, "-b28b"],
  // An environment that was named before it was shortened.
  ["main", LONG_PROJECT, "main"],
];

Deno.test("isBranchOf() makes the environment of a branch as Lagoon does", () => {
  for (const [branch, projectName, environmentName] of ENVIRONMENTS) {
    assert.ok(isBranchOf(branch, { projectName, environmentName }), branch);
  }
});

Deno.test("isBranchOf() is false for the branch of another environment", () => {
  const environment = { projectName: "proj", environmentName: "main" };
  for (const branch of ["prod", "", "main-", "ma/n", "ma\u0131n", " main", "\ufeffmain"]) {
    assert.ok(!isBranchOf(branch, environment), branch);
  }
  const [branch, projectName] = ENVIRONMENTS[5]!;
  assert.ok(!isBranchOf(`${branch}s`, { projectName, environmentName: ENVIRONMENTS[5]![2] }));
});
