/**
 * The names of projects in Dependency-Track: templates with the names of Lagoon's project, environment and service
 * (docs/protocol.md, "Dependency-Track").
 *
 * @module
 */
import { LABELS } from "../lagoon.ts";
import { DependencyTrackRefusedError } from "./errors.ts";

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
 * @param labels The ConfigMap's.
 * @param namespaceLabels Override those of the ConfigMap for project and environment.
 * @throws {DependencyTrackRefusedError} Code `track-names`, when a label is missing or the project's name would be empty.
 */
export function projectNames(
  templates: NameTemplates,
  labels: Readonly<Record<string, string>>,
  namespaceLabels: Readonly<Record<string, string>>,
): ProjectNames {
  const environmentType = labels[LABELS.environmentType] || "unknown";
  const variables: Readonly<Record<string, string>> = {
    ProjectName: namespaceLabels[LABELS.project] || needed(labels, LABELS.project),
    EnvironmentName: namespaceLabels[LABELS.environment] || needed(labels, LABELS.environment),
    ServiceName: needed(labels, LABELS.service),
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

function needed(labels: Readonly<Record<string, string>>, name: string): string {
  const value = labels[name];
  if (value) return value;
  throw new DependencyTrackRefusedError(
    "track-names",
    `Cannot send this SBOM because the name of its project needs the label ${name}: set it`,
  );
}
