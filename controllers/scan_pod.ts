/**
 * The pod that scans the images of an environment after a build: what it is made of, and nothing of when (contract §7).
 *
 * @module
 */
import type { ObjectPatch } from "../lib/kube/client.ts";
import type { EnvironmentVariable, PartialObject, Pod } from "../lib/kube/objects.ts";
import { ANNOTATIONS, LABELS } from "../lib/lagoon.ts";

/** What the operator can choose. */
export interface ScanPodOptions {
  /** Image of the scanner. */
  readonly image: string;
  /** Variables for the scanner, by name; they win over all others. */
  readonly extraEnv: Readonly<Record<string, string>>;
}

/** A whole scanner pod, to be created. */
export interface ScanPod extends ObjectPatch {
  /** Its identity, and how it is found again. */
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
}

/** What a scanner pod is found by. It must not carry `lagoon.sh/buildName`, or it would count as a build itself. */
export const SCANNER_LABELS: Readonly<Record<string, string>> = {
  [LABELS.scanStatus]: "scanning",
  [LABELS.imageScanner]: "true",
};

const DEFAULT_DOCKER_HOST = "docker-host.lagoon.svc";

/** Has the credentials of the registry that Lagoon pushes images to. */
const REGISTRY_SECRET = "lagoon-internal-registry-secret";

/** Variables of a build that its scanner gets, too. */
const PASSED_ON = new RegExp(
  `^(?:${
    [
      "BRANCH",
      "BUILD_TYPE",
      "ENVIRONMENT",
      "ENVIRONMENT_TYPE",
      "PROJECT",
      "PR_BASE_BRANCH",
      "PR_HEAD_BRANCH",
      "PR_NUMBER",
      "LAGOON_ENVIRONMENT_VARIABLES",
      "LAGOON_FEATURE_FLAG_.+",
    ].join("|")
  })$`,
  "i",
);

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
        // Tells after a restart whether this build has its scanner, also when a build before it had the same name.
        [ANNOTATIONS.buildUid]: uid,
        // The build's pod may be gone when a build before it is looked at.
        ...(finished === undefined ? {} : { [ANNOTATIONS.buildFinished]: finished }),
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

/** Whether a scanner pod is that of this very build. */
export function isScannerOf({ metadata }: PartialObject, build: Pod): boolean {
  return metadata.annotations?.[ANNOTATIONS.buildUid] === build.metadata.uid;
}

/**
 * Whether a scanner pod is that of a build which finished after this one: it was told of all images that this one left.
 * When a build was created says less, since two that overlap may finish in the other order. Without both times it is not.
 */
export function isScannerOfLater({ metadata }: PartialObject, build: Pod): boolean {
  const scanned = Date.parse(metadata.annotations?.[ANNOTATIONS.buildFinished] ?? "");
  return scanned > Date.parse(finishedAt(build) ?? "");
}

/** When the last of its containers ended; the API server writes all times in UTC, so that they sort as texts. */
function finishedAt({ status }: Pod): string | undefined {
  return status?.containerStatuses?.flatMap(({ state }) => state?.terminated?.finishedAt ?? []).sort().at(-1);
}

function scannerEnv(
  build: Pod,
  images: readonly string[],
  { extraEnv }: ScanPodOptions,
): readonly EnvironmentVariable[] {
  const { namespace, annotations } = build.metadata;
  const ours = {
    INSIGHT_SCAN_IMAGES: images.join(","),
    NAMESPACE: namespace,
    DOCKER_HOST: annotations?.[ANNOTATIONS.dockerHost] || DEFAULT_DOCKER_HOST,
  };
  const passedOn = (build.spec.containers[0]?.env ?? []).filter(({ name }) => PASSED_ON.test(name));
  // A name that comes again takes the place of the one before, as the kubelet has it.
  const byName = new Map(
    [...variables(ours), ...passedOn, ...variables(extraEnv)].map((variable) => [variable.name, variable]),
  );
  return [...byName.values()].sort((one, other) => one.name < other.name ? -1 : 1);
}

function variables(values: Readonly<Record<string, string>>): EnvironmentVariable[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}
