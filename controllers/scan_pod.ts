/**
 * The pod that scans the images of an environment after a build (docs/protocol.md, "Build scanner").
 *
 * @module
 */
import type { ObjectPatch } from "../lib/kube/client.ts";
import type { EnvironmentVariable, PartialObject, Pod } from "../lib/kube/objects.ts";
import { ANNOTATIONS, LABELS } from "../lib/lagoon.ts";

/** The operator's settings for scans. */
export interface ScanPodOptions {
  readonly image: string;
  /** More variables by name; they override all others. */
  readonly extraEnv: Readonly<Record<string, string>>;
  /** Docker hosts that a build may name; the first one serves all others. */
  readonly dockerHosts: readonly [string, ...string[]];
}

/** A scanner pod to be created. */
export interface ScanPod extends ObjectPatch {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
}

/** Identify a scanner pod. It must not have `lagoon.sh/buildName` as well, or it would count as a build. */
export const SCANNER_LABELS: Readonly<Record<string, string>> = {
  [LABELS.scanStatus]: "scanning",
  [LABELS.imageScanner]: "true",
};

/** Holds the credentials of the registry that Lagoon pushes images to. */
const REGISTRY_SECRET = "lagoon-internal-registry-secret";

/** Variables that a scanner gets from its build. */
const PASSED_ON = [
  "BRANCH",
  "BUILD_TYPE",
  "ENVIRONMENT",
  "ENVIRONMENT_TYPE",
  "PROJECT",
  "PR_BASE_BRANCH",
  "PR_HEAD_BRANCH",
  "PR_NUMBER",
  "LAGOON_ENVIRONMENT_VARIABLES",
];
const PASSED_ON_PREFIX = /^LAGOON_FEATURE_FLAG_./;

/** Makes the scanner pod of a build. */
export function scanPod(build: Pod, images: readonly string[], options: ScanPodOptions): ScanPod {
  const { name, namespace, uid } = build.metadata;
  const finished = finishedAt(build);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `insights-scanner-${name}`,
      namespace,
      labels: SCANNER_LABELS,
      annotations: {
        // After a restart, the uid tells whether this build has its scanner, even if an earlier build had the same name.
        [ANNOTATIONS.buildUid]: uid,
        // The build's pod may be gone when an earlier build is reconciled.
        ...(finished !== undefined && { [ANNOTATIONS.buildFinished]: finished }),
      },
    },
    spec: {
      serviceAccountName: "lagoon-deployer",
      restartPolicy: "Never",
      volumes: [{
        name: REGISTRY_SECRET,
        secret: {
          secretName: REGISTRY_SECRET,
          items: [{ key: ".dockerconfigjson", path: "config.json" }],
        },
      }],
      containers: [{
        name: "scanner",
        image: options.image,
        imagePullPolicy: "Always",
        env: scannerEnv(build, images, options),
        volumeMounts: [{ name: REGISTRY_SECRET, mountPath: "/home/.docker/", readOnly: true }],
      }],
    },
  };
}

/** Whether a scanner pod belongs to exactly this build. */
export function isScannerOf({ metadata }: PartialObject, build: Pod): boolean {
  return metadata.annotations?.[ANNOTATIONS.buildUid] === build.metadata.uid;
}

/**
 * Whether a scanner pod belongs to a build that finished after this one, and so scans the images of this one, too. Creation
 * times don't tell, because builds can overlap. False if either time is unknown.
 */
export function isScannerOfLater({ metadata }: PartialObject, build: Pod): boolean {
  const scanned = Date.parse(metadata.annotations?.[ANNOTATIONS.buildFinished] ?? "");
  return scanned > Date.parse(finishedAt(build) ?? "");
}

/** When the last container ended. The API server writes all times in UTC, so that they sort as texts. */
function finishedAt({ status }: Pod): string | undefined {
  return status?.containerStatuses?.flatMap(({ state }) => state?.terminated?.finishedAt ?? []).sort().at(-1);
}

function scannerEnv(
  build: Pod,
  images: readonly string[],
  options: ScanPodOptions,
): readonly EnvironmentVariable[] {
  const own = {
    INSIGHT_SCAN_IMAGES: images.join(","),
    NAMESPACE: build.metadata.namespace,
    DOCKER_HOST: requestedDockerHost(build, options) ?? options.dockerHosts[0],
  };
  const passedOn = (build.spec.containers[0]?.env ?? []).filter(({ name }) => isPassedOn(name.toUpperCase()))
    .map((variable) =>
      variable.value === undefined ? variable : { ...variable, value: literal(variable.value) }
    );
  // The last entry of a name counts, as for the kubelet.
  const byName = new Map(
    [...variables(own), ...passedOn, ...variables(options.extraEnv)].map((
      variable,
    ) => [variable.name, variable]),
  );
  return [...byName.values()].sort((one, other) => one.name < other.name ? -1 : 1);
}

/** The docker host that a build names, if the operator allows it. A site could have written the annotation. */
function requestedDockerHost({ metadata }: Pod, { dockerHosts }: ScanPodOptions): string | undefined {
  return dockerHosts.find((host) => host === metadata.annotations?.[ANNOTATIONS.dockerHost]);
}

/** Whether a build names a docker host that the operator does not allow. */
export function namesForeignDockerHost(build: Pod, options: ScanPodOptions): boolean {
  return Boolean(build.metadata.annotations?.[ANNOTATIONS.dockerHost]) &&
    !requestedDockerHost(build, options);
}

/** Keeps Kubernetes from replacing `$(NAME)` by another variable of the scanner, which may hold a secret of the operator. */
function literal(value: string): string {
  return value.replaceAll("$", "$$$$");
}

function isPassedOn(name: string): boolean {
  return PASSED_ON.includes(name) || PASSED_ON_PREFIX.test(name);
}

function variables(values: Readonly<Record<string, string>>): EnvironmentVariable[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}
