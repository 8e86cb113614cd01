/**
 * Every label, annotation and object name that Lagoon's parts agree on, and what they say about a namespace.
 *
 * @module
 */

/** Labels that the platform and its builds write, and ours on insights ConfigMaps, token Secrets and pods. */
export const LABELS = {
  project: "lagoon.sh/project",
  environment: "lagoon.sh/environment",
  environmentId: "lagoon.sh/environmentId",
  /** Such as `production`. */
  environmentType: "lagoon.sh/environmentType",
  service: "lagoon.sh/service",
  buildName: "lagoon.sh/buildName",
  /** Its presence makes a ConfigMap an insights ConfigMap; its value is the type in the old spelling. */
  insightsType: "lagoon.sh/insightsType",
  /** The type in the new spelling; wins over {@link LABELS.insightsType}. */
  type: "insights.lagoon.sh/type",
  /** State "processed"; the time stands in the annotation of the same name, since a label can't hold colons. */
  processed: "lagoon.sh/insightsProcessed",
  /** State "deferred": Unix seconds after which to try again. */
  deferred: "lagoon.sh/insightsWriteDeferred",
  /** State "given up". */
  givenUp: "insights.lagoon.sh/max-retry-exceeded",
  /** A finished build, once it has its scanner, or a later build has one. */
  scanned: "insights.lagoon.sh/scanned",
  /** A scanner pod, with how far it is. */
  scanStatus: "insights.lagoon.sh/scan-status",
  imageScanner: "insights.lagoon.sh/imagescanner",
  insightsToken: "lagoon.sh/insights-token",
  dynamicSecret: "lagoon.sh/dynamic-secret",
} as const;

/** Annotations on insights ConfigMaps and on pods. */
export const ANNOTATIONS = {
  /** RFC 3339 time at which the last destination confirmed; the Go remote marks with this alone. */
  processed: "lagoon.sh/insightsProcessed",
  /** Whether Lagoon core wants this ConfigMap. */
  coreEnabled: "core.insights.lagoon.sh/enabled",
  coreStatus: "core.insights.lagoon.sh/status",
  coreStatusError: "core.insights.lagoon.sh/status-error",
  /** Set when core was given up while another destination still waits. */
  coreStopped: "core.insights.lagoon.sh/stopped",
  /** How many times sending to core has failed. */
  retries: "insights.lagoon.sh/retries",
  /** URL of a site's own Dependency-Track. */
  trackEndpoint: "dependencytrack.insights.lagoon.sh/custom-endpoint",
  /** On a build's pod: the host that it builds images on. */
  dockerHost: "dockerhost.lagoon.sh/name",
  /** On a scanner pod: the uid of the build's pod that it was made for. */
  buildUid: "insights.lagoon.sh/build-uid",
  /** On a scanner pod: RFC 3339 time at which that build had finished; missing when nobody knew. */
  buildFinished: "insights.lagoon.sh/build-finished",
} as const;

/** The Secret that pods mount to post facts and problems. */
export const TOKEN_SECRET = { name: "insights-token", key: "INSIGHTS_TOKEN" } as const;

/** Labels of an object, as Kubernetes gives them. */
export type Labels = Readonly<Record<string, string>>;

/** Which Lagoon environment something belongs to. */
export interface Environment {
  /** The Kubernetes namespace. */
  readonly namespace: string;
  /** The environment's id in Lagoon core, in decimal digits. */
  readonly environmentId: string;
  /** The project's name in Lagoon core. */
  readonly projectName: string;
  /** The environment's name in Lagoon core. */
  readonly environmentName: string;
}

/**
 * Reads from a namespace's labels which environment it holds.
 *
 * @returns `undefined` when it is not the namespace of a Lagoon environment.
 */
export function readEnvironment(namespace: string, labels: Labels = {}): Environment | undefined {
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
