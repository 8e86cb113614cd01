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
const NAMESPACE_LABELS = { "lagoon.sh/project": "proj", "lagoon.sh/environment": "main" };

Deno.test("names come from the namespace's labels, or else from the ConfigMap's", () => {
  assert.deepEqual(projectNames(TEMPLATES, LABELS, NAMESPACE_LABELS), {
    parents: ["proj", "proj-main"],
    project: "proj-main-nginx",
    version: "unset",
    tag: "lagoon-environmenttype-production",
  });
  assert.equal(
    projectNames(TEMPLATES, LABELS, {}).project,
    "label-project-label-environment-nginx",
  );
});

Deno.test("an empty root template omits the root, and an empty parent template omits both", () => {
  assert.deepEqual(projectNames({ ...TEMPLATES, root: "" }, LABELS, NAMESPACE_LABELS).parents, ["proj-main"]);
  assert.deepEqual(projectNames({ ...TEMPLATES, root: "{{ .Version }}" }, LABELS, NAMESPACE_LABELS).parents, [
    "proj-main",
  ]);
  assert.deepEqual(projectNames({ ...TEMPLATES, parent: "" }, LABELS, NAMESPACE_LABELS).parents, []);
});

Deno.test("an environment without a type is unknown", () => {
  const { "lagoon.sh/environmentType": _type, ...labels } = LABELS;
  const names = projectNames({ ...TEMPLATES, version: "{{ .EnvironmentType }}" }, labels, NAMESPACE_LABELS);
  assert.deepEqual([names.version, names.tag], ["unknown", "lagoon-environmenttype-unknown"]);
});

Deno.test("a name that looks like a template is not filled in", () => {
  const namespaceLabels = { ...NAMESPACE_LABELS, "lagoon.sh/project": "{{ .ServiceName }}$&" };
  const names = projectNames(TEMPLATES, LABELS, namespaceLabels);
  assert.equal(names.project, "{{ .ServiceName }}$&-main-nginx");
});

Deno.test("a missing label is named", () => {
  const { "lagoon.sh/service": _service, ...labels } = LABELS;
  assert.throws(
    () => projectNames(TEMPLATES, labels, NAMESPACE_LABELS),
    /needs the label lagoon\.sh\/service: set it$/,
  );
  assert.throws(
    () => projectNames(TEMPLATES, { "lagoon.sh/service": "x" }, {}),
    /lagoon\.sh\/project/,
  );
  assert.throws(
    () => projectNames({ ...TEMPLATES, project: "{{ .Version }}" }, LABELS, NAMESPACE_LABELS),
    /would be empty/,
  );
});
