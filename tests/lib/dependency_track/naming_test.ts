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
  "lagoon.sh/environmentType": "label-type",
};
const NAMESPACE_LABELS = {
  "lagoon.sh/project": "proj",
  "lagoon.sh/environment": "main",
  "lagoon.sh/environmentType": "production",
};

Deno.test("names and type come from the namespace's labels, and only the service from the ConfigMap's", () => {
  assert.deepEqual(projectNames(TEMPLATES, LABELS, NAMESPACE_LABELS), {
    parents: ["proj", "proj-main"],
    project: "proj-main-nginx",
    version: "unset",
    tag: "lagoon-environmenttype-production",
  });
  for (const name of ["lagoon.sh/project", "lagoon.sh/environment"]) {
    const labels = { ...NAMESPACE_LABELS, [name]: "" };
    assert.throws(() => projectNames(TEMPLATES, LABELS, labels), {
      name: "DependencyTrackUnavailableError",
      message: new RegExp(`${name} of its namespace`),
    });
  }
});

Deno.test("an empty root template omits the root, and an empty parent template omits both", () => {
  assert.deepEqual(projectNames({ ...TEMPLATES, root: "" }, LABELS, NAMESPACE_LABELS).parents, ["proj-main"]);
  assert.deepEqual(projectNames({ ...TEMPLATES, root: "{{ .Version }}" }, LABELS, NAMESPACE_LABELS).parents, [
    "proj-main",
  ]);
  assert.deepEqual(projectNames({ ...TEMPLATES, parent: "" }, LABELS, NAMESPACE_LABELS).parents, []);
});

Deno.test("an environment without a type is unknown", () => {
  const { "lagoon.sh/environmentType": _type, ...labels } = NAMESPACE_LABELS;
  const names = projectNames({ ...TEMPLATES, version: "{{ .EnvironmentType }}" }, LABELS, labels);
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
