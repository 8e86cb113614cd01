import assert from "node:assert/strict";
import { type NameTemplates, projectNames } from "../../../lib/dependency_track/naming.ts";

const TEMPLATES: NameTemplates = {
  root: "{{ .ProjectName }}",
  parent: "{{.ProjectName}}-{{  .EnvironmentName  }}",
  project: "{{ .ProjectName }}-{{ .EnvironmentName }}-{{ .ServiceName }}",
  version: "unset",
};
const LABELS = {
  "lagoon.sh/project": "label-project",
  "lagoon.sh/environment": "label-environment",
  "lagoon.sh/service": "nginx",
  "lagoon.sh/environmentType": "production",
};
const SOURCE = { projectName: "proj", environmentName: "main", labels: LABELS };

Deno.test("names come from the namespace, and where it has none from the labels", () => {
  assert.deepEqual(projectNames(TEMPLATES, SOURCE), {
    parents: ["proj", "proj-main"],
    project: "proj-main-nginx",
    version: "unset",
    tag: "lagoon-environmenttype-production",
  });
  assert.equal(
    projectNames(TEMPLATES, { labels: LABELS }).project,
    "label-project-label-environment-nginx",
  );
});

Deno.test("an empty root is left out, and without a parent there are none at all", () => {
  assert.deepEqual(projectNames({ ...TEMPLATES, root: "" }, SOURCE).parents, ["proj-main"]);
  assert.deepEqual(projectNames({ ...TEMPLATES, root: "{{ .Version }}" }, SOURCE).parents, ["proj-main"]);
  assert.deepEqual(projectNames({ ...TEMPLATES, parent: "" }, SOURCE).parents, []);
});

Deno.test("an environment without a type is unknown", () => {
  const { "lagoon.sh/environmentType": _type, ...labels } = LABELS;
  const names = projectNames({ ...TEMPLATES, version: "{{ .EnvironmentType }}" }, { ...SOURCE, labels });
  assert.deepEqual([names.version, names.tag], ["unknown", "lagoon-environmenttype-unknown"]);
});

Deno.test("a name that says what looks like a template stays a name", () => {
  const names = projectNames(TEMPLATES, { ...SOURCE, projectName: "{{ .ServiceName }}$&" });
  assert.equal(names.project, "{{ .ServiceName }}$&-main-nginx");
});

Deno.test("what the names need and is missing is told", () => {
  const { "lagoon.sh/service": _service, ...labels } = LABELS;
  assert.throws(() => projectNames(TEMPLATES, { ...SOURCE, labels }), /set the label lagoon\.sh\/service/);
  assert.throws(
    () => projectNames(TEMPLATES, { labels: { "lagoon.sh/service": "x" } }),
    /lagoon\.sh\/project/,
  );
  assert.throws(() => projectNames({ ...TEMPLATES, project: "{{ .Version }}" }, SOURCE), /would be empty/);
});
