import assert from "node:assert/strict";
import { isScannerOf, isScannerOfLater, scanPod, type ScanPodOptions } from "../../controllers/scan_pod.ts";
import type { Pod } from "../../lib/kube/objects.ts";
import { BUILD_ENV, finishedBuild } from "../fixtures/builds.ts";
import golden from "../fixtures/golden/scanner_pod.json" with { type: "json" };

const OPTIONS: ScanPodOptions = {
  image: "registry.example/insights-scanner:v1",
  extraEnv: {},
  dockerHosts: ["docker-host.lagoon.svc", "docker-host-2.lagoon.svc"],
};
const IMAGES = [
  "registry.example/proj/main/nginx@sha256:aa",
  "registry.example/proj/main/php@sha256:bb",
  "registry.example/proj/main/cli@sha256:cc",
];

/** Fields of the sample that the API server added. */
const DEFAULTED = {
  metadata: ["uid", "resourceVersion", "generation", "creationTimestamp"],
  spec: [
    "terminationGracePeriodSeconds",
    "dnsPolicy",
    "serviceAccount",
    "securityContext",
    "schedulerName",
    "tolerations",
    "priority",
    "enableServiceLinks",
    "preemptionPolicy",
  ],
  container: ["resources", "terminationMessagePath", "terminationMessagePolicy"],
};

const without = (object: object, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

/** The sample as the Go remote sent it. */
function sent() {
  const { apiVersion, kind, metadata, spec } = golden.scanner;
  const [container] = spec.containers;
  const [volume] = spec.volumes;
  return {
    apiVersion,
    kind,
    metadata: without(metadata, DEFAULTED.metadata),
    spec: {
      ...without(spec, DEFAULTED.spec),
      containers: [without(container!, DEFAULTED.container)],
      volumes: [{ ...volume, secret: without(volume!.secret, ["defaultMode"]) }],
    },
  };
}

Deno.test("the pod is the Go remote's, plus the uid of its build", () => {
  const build = golden.build as unknown as Pod;
  const extraEnv = { SCAN_MODE: "fast", EXTRA: "2" };
  const { metadata: { annotations, ...metadata }, ...pod } = scanPod(build, IMAGES, { ...OPTIONS, extraEnv });
  assert.deepEqual({ ...pod, metadata }, sent());
  assert.deepEqual(annotations, { "insights.lagoon.sh/build-uid": build.metadata.uid });
});

Deno.test("the pod belongs to exactly its build, and is no build itself", () => {
  const build = finishedBuild();
  const pod = { metadata: { ...scanPod(build, IMAGES, OPTIONS).metadata, uid: "1", resourceVersion: "1" } };
  assert.equal(isScannerOf(pod, build), true);
  assert.equal(isScannerOf(pod, { ...build, metadata: { ...build.metadata, uid: "another" } }), false);
  const { annotations: _annotations, ...bare } = pod.metadata;
  assert.equal(isScannerOf({ metadata: bare }, build), false);
  assert.equal("lagoon.sh/buildName" in pod.metadata.labels, false);
});

Deno.test("a scanner says when its build finished, and only that decides which of two is later", () => {
  const { metadata, spec } = finishedBuild();
  const at = (...times: (string | undefined)[]): Pod => ({
    metadata,
    spec,
    status: {
      phase: "Succeeded",
      containerStatuses: times.map((time) => ({ state: time ? { terminated: { finishedAt: time } } : {} })),
    },
  });
  const scannerOf = (build: Pod) => ({
    metadata: { ...scanPod(build, IMAGES, OPTIONS).metadata, uid: "1", resourceVersion: "1" },
  });
  const [early, late] = ["2026-01-01T09:59:59Z", "2026-01-01T10:00:00Z"] as const;
  assert.equal(
    scannerOf(at(late, undefined, early)).metadata.annotations["insights.lagoon.sh/build-finished"],
    late,
  );
  assert.equal(isScannerOfLater(scannerOf(at(late)), at(early)), true);
  assert.equal(isScannerOfLater(scannerOf(at(early, late)), at(early)), true);
  assert.equal(isScannerOfLater(scannerOf(at(early)), at(early)), false);
  assert.equal(isScannerOfLater(scannerOf(at(early)), at(late)), false);
  assert.equal(isScannerOfLater(scannerOf(at(late)), finishedBuild()), false);
  assert.equal(isScannerOfLater(scannerOf(finishedBuild()), at(early)), false);
  const { annotations: _annotations, ...bare } = scannerOf(at(late)).metadata;
  assert.equal(isScannerOfLater({ metadata: bare }, at(early)), false);
});

interface Case {
  readonly env?: readonly unknown[];
  readonly annotations?: Record<string, string>;
  readonly images?: readonly string[];
  readonly extraEnv?: Record<string, string>;
  /** Besides the three that every scanner gets; overrides them. */
  readonly expected: Record<string, unknown>;
}

const VALUE_FROM = {
  secretKeyRef: { name: "vars", key: "all", optional: true },
};

const CASES: Readonly<Record<string, Case>> = {
  "a build without variables": { env: [], expected: {} },
  "one image": { env: [], images: ["a:1"], expected: { INSIGHT_SCAN_IMAGES: "a:1" } },
  "several images, in order, with duplicates": {
    env: [],
    images: ["b:1", "a:1", "b:1"],
    expected: { INSIGHT_SCAN_IMAGES: "b:1,a:1,b:1" },
  },
  "a build without the annotation for a docker host": {
    env: [],
    annotations: {},
    expected: { DOCKER_HOST: "docker-host.lagoon.svc" },
  },
  "a docker host that the operator does not allow": {
    env: [],
    annotations: { "dockerhost.lagoon.sh/name": "docker-host.evil.svc" },
    expected: { DOCKER_HOST: "docker-host.lagoon.svc" },
  },
  "a reference to another variable, literally": {
    env: [{ name: "BRANCH", value: "$(REGISTRY_PASSWORD) $$(X) $1" }],
    expected: { BRANCH: "$$(REGISTRY_PASSWORD) $$$$(X) $$1" },
  },
  "every name that is passed on": {
    env: [
      "BRANCH",
      "BUILD_TYPE",
      "ENVIRONMENT",
      "ENVIRONMENT_TYPE",
      "PROJECT",
      "PR_BASE_BRANCH",
      "PR_HEAD_BRANCH",
      "PR_NUMBER",
      "LAGOON_ENVIRONMENT_VARIABLES",
      "LAGOON_FEATURE_FLAG_A",
    ].map((name) => ({ name, value: "1" })),
    expected: {
      BRANCH: "1",
      BUILD_TYPE: "1",
      ENVIRONMENT: "1",
      ENVIRONMENT_TYPE: "1",
      PROJECT: "1",
      PR_BASE_BRANCH: "1",
      PR_HEAD_BRANCH: "1",
      PR_NUMBER: "1",
      LAGOON_ENVIRONMENT_VARIABLES: "1",
      LAGOON_FEATURE_FLAG_A: "1",
    },
  },
  "names in another case, unchanged": {
    env: [{ name: "branch", value: "a" }, { name: "BRANCH", value: "b" }, {
      name: "lagoon_Feature_flag_x",
      value: "c",
    }],
    expected: { branch: "a", BRANCH: "b", lagoon_Feature_flag_x: "c" },
  },
  "no names that only contain one of these": {
    env: ["MY_BRANCH", "BRANCHES", "LAGOON_FEATURE_FLAG_", "PR_TITLE", "XLAGOON_FEATURE_FLAG_X", "PROJECT_"]
      .map((name) => ({ name, value: "1" })),
    expected: {},
  },
  "entries with valueFrom, whole": {
    env: [{ name: "LAGOON_ENVIRONMENT_VARIABLES", valueFrom: VALUE_FROM }],
    expected: { LAGOON_ENVIRONMENT_VARIABLES: VALUE_FROM },
  },
  "an entry without a value": { env: [{ name: "PR_NUMBER" }], expected: { PR_NUMBER: undefined } },
  "the last of two entries of one name": {
    env: [{ name: "BRANCH", value: "first" }, { name: "BRANCH", value: "last" }],
    expected: { BRANCH: "last" },
  },
  "no variables of the build that the scanner sets itself": {
    env: [{ name: "NAMESPACE", value: "other" }, { name: "DOCKER_HOST", value: "other" }],
    expected: {},
  },
  "extra variables, which override all others": {
    env: [{ name: "LAGOON_ENVIRONMENT_VARIABLES", valueFrom: VALUE_FROM }, { name: "BRANCH", value: "main" }],
    extraEnv: {
      NAMESPACE: "mine",
      DOCKER_HOST: "",
      INSIGHT_SCAN_IMAGES: "x",
      BRANCH: "y",
      LAGOON_ENVIRONMENT_VARIABLES: "z",
    },
    expected: {
      NAMESPACE: "mine",
      DOCKER_HOST: "",
      INSIGHT_SCAN_IMAGES: "x",
      BRANCH: "y",
      LAGOON_ENVIRONMENT_VARIABLES: "z",
    },
  },
};

for (
  const [what, { env = BUILD_ENV, annotations, images = ["a:1"], extraEnv = {}, expected }] of Object.entries(
    CASES,
  )
) {
  Deno.test(`the pod is the Go remote's, with its variables sorted by name: ${what}`, () => {
    const { metadata: { annotations: _annotations, ...metadata }, ...pod } = scanPod(
      finishedBuild(env, annotations),
      images,
      { ...OPTIONS, extraEnv },
    );
    const all = {
      INSIGHT_SCAN_IMAGES: "a:1",
      NAMESPACE: "proj-main",
      DOCKER_HOST: "docker-host-2.lagoon.svc",
      ...expected,
    };
    const sorted = Object.entries(all).sort(([one], [other]) => one < other ? -1 : 1);
    const entries = sorted.map(([name, value]) => ({
      name,
      ...(typeof value === "string" ? { value } : value === undefined ? {} : { valueFrom: value }),
    }));
    const expectedPod = sent();
    const [container] = expectedPod.spec.containers;
    expectedPod.spec.containers = [{ ...container, env: entries }];
    assert.deepEqual({ ...pod, metadata }, expectedPod);
  });
}
