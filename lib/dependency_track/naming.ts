/**
 * What projects are called in Dependency-Track: templates with the names of Lagoon's project, environment and service
 * (contract §6).
 *
 * @module
 */
import { LABELS } from "../lagoon.ts";
import { TrackRefusedError } from "./errors.ts";

/** The operator's templates, in which only known variables are. */
export interface NameTemplates {
  /** Empty for no root. */
  readonly root: string;
  /** Empty for no parents at all. */
  readonly parent: string;
  /** Of the project that holds the SBOM. */
  readonly project: string;
  /** Of that project, too. */
  readonly version: string;
}

/** What an SBOM is about. */
export interface SbomSource {
  /** The project's name in Lagoon, from the namespace; the label counts where there is none. */
  readonly projectName?: string | undefined;
  /** The same for the environment's. */
  readonly environmentName?: string | undefined;
  /** The ConfigMap's. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Where an SBOM goes. */
export interface ProjectNames {
  /** From the root down; each is the parent of the next one, and the last one of the project. */
  readonly parents: readonly string[];
  /** Of the project that holds the SBOM. */
  readonly project: string;
  /** Of that project, too. */
  readonly version: string;
  /** Of that project, too. */
  readonly tag: string;
}

/**
 * Names the projects of an SBOM.
 *
 * @throws {TrackRefusedError} Code `track-names`, when something is missing that the names need.
 */
export function projectNames(templates: NameTemplates, source: SbomSource): ProjectNames {
  const { labels } = source;
  const environmentType = labels[LABELS.environmentType] || "unknown";
  const variables = {
    ProjectName: source.projectName || needed(labels, LABELS.project),
    EnvironmentName: source.environmentName || needed(labels, LABELS.environment),
    ServiceName: needed(labels, LABELS.service),
    EnvironmentType: environmentType,
    // Known to the contract, and always empty in the Go remote.
    Version: "",
  };
  const fill = (template: string) => fillTemplate(template, variables);
  const parents = templates.parent === "" ? [] : [fill(templates.root), fill(templates.parent)];
  const project = fill(templates.project);
  if (project === "") {
    throw new TrackRefusedError("track-names", "Cannot send this SBOM as its project's name would be empty");
  }
  return {
    parents: parents.filter((name) => name !== ""),
    project,
    version: fill(templates.version),
    tag: `lagoon-environmenttype-${environmentType}`,
  };
}

function fillTemplate(template: string, variables: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{\{\s*\.(\w+)\s*\}\}/g, (_match, name: string) => variables[name] ?? "")
    .trim();
}

function needed(labels: Readonly<Record<string, string>>, name: string): string {
  const value = labels[name];
  if (value) return value;
  throw new TrackRefusedError(
    "track-names",
    `Cannot send this SBOM as Dependency-Track's project is named after it: set the label ${name}`,
  );
}
