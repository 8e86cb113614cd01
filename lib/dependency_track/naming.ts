/**
 * The names of projects in Dependency-Track: templates with the names of Lagoon's project, environment and service
 * (docs/protocol.md, "Dependency-Track").
 *
 * @module
 */
import { LABELS } from "../lagoon.ts";
import { DependencyTrackRefusedError, DependencyTrackUnavailableError } from "./errors.ts";

/** The operator's templates, which hold only known variables. */
export interface NameTemplates {
  /** Empty for no root. */
  readonly root: string;
  /** Empty for no parents at all. */
  readonly parent: string;
  readonly project: string;
  readonly version: string;
}

/** The project for an SBOM. */
export interface ProjectNames {
  /** From the root down. */
  readonly parents: readonly string[];
  readonly project: string;
  readonly version: string;
  readonly tag: string;
}

/**
 * Names the projects of an SBOM.
 *
 * @param labels The ConfigMap's, which give only the service: whoever writes it must not name another project.
 * @param namespaceLabels Give project, environment and its type.
 * @throws {DependencyTrackRefusedError} Code `track-names`, when the service is missing or the project's name would be empty.
 * @throws {DependencyTrackUnavailableError} Code `track-names`, when the namespace has no project or environment (yet).
 */
export function projectNames(
  templates: NameTemplates,
  labels: Readonly<Record<string, string>>,
  namespaceLabels: Readonly<Record<string, string>>,
): ProjectNames {
  const environmentType = namespaceLabels[LABELS.environmentType] || "unknown";
  const variables: Readonly<Record<string, string>> = {
    ProjectName: ofNamespace(namespaceLabels, LABELS.project),
    EnvironmentName: ofNamespace(namespaceLabels, LABELS.environment),
    ServiceName: serviceOf(labels),
    EnvironmentType: environmentType,
    // Templates may hold it; it is always empty, as in the Go remote.
    Version: "",
  };
  const fill = (template: string) =>
    template.replaceAll(/\{\{\s*\.(\w+)\s*\}\}/g, (_match, name: string) => variables[name] ?? "").trim();
  const parents = templates.parent === "" ? [] : [fill(templates.root), fill(templates.parent)];
  const project = fill(templates.project);
  if (project === "") {
    throw new DependencyTrackRefusedError(
      "track-names",
      "Cannot send this SBOM because its project's name would be empty",
    );
  }
  return {
    parents: parents.filter((name) => name !== ""),
    project,
    version: fill(templates.version),
    tag: `lagoon-environmenttype-${environmentType}`,
  };
}

function serviceOf({ [LABELS.service]: service }: Readonly<Record<string, string>>): string {
  if (service) return service;
  throw new DependencyTrackRefusedError(
    "track-names",
    `Cannot send this SBOM because the name of its project needs the label ${LABELS.service}: set it`,
  );
}

/** Labels of a namespace can follow later, and no change of the ConfigMap would tell. */
function ofNamespace(labels: Readonly<Record<string, string>>, name: string): string {
  const value = labels[name];
  if (value) return value;
  throw new DependencyTrackUnavailableError(
    "track-names",
    `Cannot send this SBOM because the name of its project needs the label ${name} of its namespace: set it`,
  );
}
