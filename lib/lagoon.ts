/**
 * The labels, annotations and object names that Lagoon's parts share, and the environment that a namespace's labels name.
 *
 * @module
 */

/** Labels of namespaces, insights ConfigMaps, token Secrets and pods. */
export const LABELS = {
  project: "lagoon.sh/project",
  environment: "lagoon.sh/environment",
  environmentId: "lagoon.sh/environmentId",
  environmentType: "lagoon.sh/environmentType",
  service: "lagoon.sh/service",
  buildName: "lagoon.sh/buildName",
  buildType: "lagoon.sh/buildType",
  /** Makes a ConfigMap an insights ConfigMap; its value is the type in the old spelling. */
  insightsType: "lagoon.sh/insightsType",
  /** The type in the new spelling; overrides {@link LABELS.insightsType}. */
  type: "insights.lagoon.sh/type",
  /** The annotation of the same name holds the time, since a label can't contain colons. */
  processed: "lagoon.sh/insightsProcessed",
  /** Unix seconds of the next attempt. */
  deferred: "lagoon.sh/insightsWriteDeferred",
  givenUp: "insights.lagoon.sh/max-retry-exceeded",
  /** A finished build whose scanner, or a later build's, exists. */
  scanned: "insights.lagoon.sh/scanned",
  /** The state of a scanner pod. */
  scanStatus: "insights.lagoon.sh/scan-status",
  imageScanner: "insights.lagoon.sh/imagescanner",
  insightsToken: "lagoon.sh/insights-token",
  dynamicSecret: "lagoon.sh/dynamic-secret",
} as const;

/** Annotations of insights ConfigMaps and pods. */
export const ANNOTATIONS = {
  /** The branch of a build, or the number of its pull request. */
  branch: "lagoon.sh/branch",
  /** RFC 3339 time at which the last destination confirmed; the Go remote's only mark. */
  processed: "lagoon.sh/insightsProcessed",
  /** Whether Lagoon core wants this ConfigMap. */
  coreEnabled: "core.insights.lagoon.sh/enabled",
  coreStatus: "core.insights.lagoon.sh/status",
  coreStatusError: "core.insights.lagoon.sh/status-error",
  /** Sending to core was given up while another destination still waits. */
  coreStopped: "core.insights.lagoon.sh/stopped",
  /** Number of failed attempts to send to core. */
  retries: "insights.lagoon.sh/retries",
  /** URL of a site's own Dependency-Track. */
  dependencyTrackEndpoint: "dependencytrack.insights.lagoon.sh/custom-endpoint",
  /** On a build's pod: the host on which it builds images. */
  dockerHost: "dockerhost.lagoon.sh/name",
  /** On a scanner pod: the uid of its build's pod. */
  buildUid: "insights.lagoon.sh/build-uid",
  /** On a scanner pod: RFC 3339 time at which its build finished, if known. */
  buildFinished: "insights.lagoon.sh/build-finished",
} as const;

/** The Secret that pods mount to post facts and problems. */
export const TOKEN_SECRET = { name: "insights-token", key: "INSIGHTS_TOKEN" } as const;

/** Labels of a Kubernetes object. */
export type Labels = Readonly<Record<string, string>>;

/** A Lagoon environment. */
export interface Environment {
  readonly namespace: string;
  /** In Lagoon core, in decimal digits. */
  readonly environmentId: string;
  readonly projectName: string;
  readonly environmentName: string;
}

/** The names of an environment that messages carry. */
export type EnvironmentNames = Pick<Environment, "projectName" | "environmentName">;

/**
 * Reads an environment from its namespace's labels.
 *
 * @returns `undefined` when it is not the namespace of a Lagoon environment.
 */
export function environmentFromLabels(namespace: string, labels: Labels = {}): Environment | undefined {
  const environmentId = labels[LABELS.environmentId];
  const projectName = labels[LABELS.project];
  const environmentName = labels[LABELS.environment];
  if (!environmentId || !projectName || !environmentName) return undefined;
  return { namespace, environmentId, projectName, environmentName };
}

/** Parses a boolean as Go's strconv.ParseBool does; undefined for any other text. */
export function parseGoBoolean(text: string): boolean | undefined {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  return ["0", "f", "F", "FALSE", "false", "False"].includes(text) ? false : undefined;
}
