/** Runs the program with the permissions of `manifests/`, with fewer, and with the lagoon-remote chart's. */
import type { ScanPodOptions } from "../../controllers/scan_pod.ts";
import assert from "node:assert/strict";
import { TestCluster } from "../fixtures/cluster.ts";
import { buildPod, deployment } from "../fixtures/builds.ts";
import { ignoredWithoutApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import {
  AccessControl,
  CHART_RULES,
  documentedPermissions,
  OWN_NAMESPACE,
  permissions,
  type PolicyRule,
  readManifest,
} from "../fixtures/rbac.ts";
import { type LogLine, MemoryLogger } from "../fixtures/recorders.ts";
import { configMapMarksSuite } from "../suites/configmap_marks_suite.ts";
import { configMapSuite } from "../suites/configmap_suite.ts";
import {
  type ClusterFactory,
  describeSuite,
  type RunOptions,
  type Scene,
  type StartedCluster,
} from "../suites/harness.ts";
import { scannerSuite } from "../suites/scanner_suite.ts";
import { tokenSuite } from "../suites/token_suite.ts";
import { trackFaultSuite } from "../suites/track_fault_suite.ts";
import { trackSiteSuite } from "../suites/track_site_suite.ts";
import { trackSuite } from "../suites/track_suite.ts";

const MANIFESTS = await Promise.all(
  [
    "base/service_account",
    "base/cluster_role",
    "base/cluster_role_binding",
    "components/leader_election/role",
    "components/leader_election/role_binding",
    "components/dependency_track/cluster_role",
    "components/dependency_track/cluster_role_binding",
  ]
    .map(readManifest),
);
const [account, clusterRole, , leaderElectionRole, , trackRole] = MANIFESTS;
const CLUSTER_RULES = clusterRole!.rules!;
const LEASE_RULES = leaderElectionRole!.rules!;
const TRACK_RULES = trackRole!.rules!;
/** Only with the build scanner. */
const SCANNER_RULES = (await readManifest("components/build_scanner/cluster_role")).rules!;
const SCANNER: ScanPodOptions = {
  image: "registry.example/insights-scanner:v1",
  extraEnv: {},
  dockerHosts: ["docker-host.lagoon.svc", "docker-host-2.lagoon.svc"],
};

interface Started extends StartedCluster {
  readonly accessControl: AccessControl;
  readonly programToken: string;
}

/** One server for all suites of this file. Each disposes of it; only the first disposal has an effect. */
let started: Promise<Started> | undefined;
const start = () => started ??= startCluster();

async function startCluster(): Promise<Started> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startKubeApiserver());
  const cluster = stack.use(new TestCluster(server));
  await cluster.createNamespace(OWN_NAMESPACE);
  const accessControl = new AccessControl(cluster, server);
  for (const manifest of MANIFESTS) await accessControl.apply(manifest);
  const programToken = await accessControl.requestToken(account!.metadata.name);
  await accessControl.untilGranted(programToken, OWN_NAMESPACE, [
    ...CLUSTER_RULES,
    ...LEASE_RULES,
    ...TRACK_RULES,
  ]);
  const running = stack.move();
  return { cluster, accessControl, programToken, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

let scannerToken: Promise<string> | undefined;

/** The same cluster, with a ServiceAccount that also has the build scanner's permissions. */
const scannerFactory: ClusterFactory = {
  ...factory("with the build scanner's ClusterRole"),
  start: async () => {
    const running = await start();
    const rules = [...CLUSTER_RULES, ...SCANNER_RULES];
    scannerToken ??= running.accessControl.createAccount("build-scanner", rules);
    return { ...running, programToken: await scannerToken };
  },
};

function factory(name: string): ClusterFactory {
  return { name, guard: ignoredWithoutApiserver, start };
}

/** A log that tests can wait on. */
class WatchedLogger extends MemoryLogger {
  #onLine = () => {};

  override warn(...line: Parameters<MemoryLogger["warn"]>): void {
    super.warn(...line);
    this.#onLine();
  }

  override error(...line: Parameters<MemoryLogger["error"]>): void {
    super.error(...line);
    this.#onLine();
  }

  /** Waits until `count` lines match; fails after 15 seconds. */
  async until(matches: (line: LogLine) => boolean, count = 1): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#onLine = () => this.lines.filter(matches).length >= count && resolve();
    this.#onLine();
    const timer = setTimeout(() => reject(new Error(`Not logged: ${JSON.stringify(this.lines)}`)), 15_000);
    await promise.finally(() => clearTimeout(timer));
  }
}

configMapSuite(factory("with the ClusterRole"));
configMapMarksSuite(factory("with the ClusterRole"));
tokenSuite(factory("with the ClusterRole"));
trackSuite(factory("with the ClusterRole"));
trackFaultSuite(factory("with the ClusterRole"));
trackSiteSuite(factory("with the ClusterRole"));

/** Creates objects that make the program use each of its permissions. */
async function createWork({ cluster, namespace }: Scene): Promise<void> {
  await cluster.create("configmaps", namespace, sbomConfigMap({ name: "good" }));
  await cluster.create("configmaps", namespace, sbomConfigMap({ name: "refused", binaryData: {} }));
  const labels = { "lagoon.sh/insights-token": "true" };
  await cluster.create("secrets", namespace, { metadata: { name: "insights-token", labels } });
  await cluster.createNamespace(`${namespace}-new`, LAGOON_NAMESPACE_LABELS);
}

/** Creates a finished build, and the scanner pod of an earlier build. */
async function createBuild({ cluster, namespace }: Scene): Promise<void> {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  await cluster.send("POST", path, { body: deployment("web", ["web:1"]) });
  const labels = {
    "insights.lagoon.sh/scan-status": "scanning",
    "insights.lagoon.sh/imagescanner": "true",
  };
  const spec = { containers: [{ name: "scanner", image: "scanner:0" }] };
  await cluster.create("pods", namespace, { metadata: { name: "old", labels }, spec });
  await cluster.create("pods", namespace, buildPod());
  await cluster.setStatus("pods", namespace, buildPod().metadata.name, { phase: "Succeeded" });
}

/** Removes each verb of the rules in turn, and checks that the work then fails on it. */
function testEachVerb(
  test: (story: string, run: (scene: Scene) => Promise<void>) => void,
  own: readonly PolicyRule[],
  { others, work, options }: {
    readonly others: readonly PolicyRule[];
    readonly work: (scene: Scene) => Promise<void>;
    readonly options: RunOptions;
  },
): void {
  for (const [index, rule] of own.entries()) {
    for (const verb of rule.verbs) {
      const resource = rule.resources[0]!;
      test(`without the verb ${verb} on ${resource}, the log reports a forbidden request`, async (scene) => {
        const { accessControl } = await start();
        const verbs = rule.verbs.filter((other) => other !== verb);
        const left = own.with(index, { ...rule, verbs }).filter(({ verbs }) => verbs.length > 0);
        const token = await accessControl.createAccount(`no-${verb}-${resource}`, [...others, ...left]);
        await work(scene);
        const log = new WatchedLogger();
        await using _program = scene.run({ token, log, ...options });
        await log.until(({ fields }) =>
          String(fields["error"]).includes(`cannot ${verb} resource "${resource}"`)
        );
      });
    }
  }
}

scannerSuite(scannerFactory);

describeSuite(scannerFactory, (test) => {
  testEachVerb(test, SCANNER_RULES, {
    others: CLUSTER_RULES,
    work: createBuild,
    options: { scanner: SCANNER },
  });

  test("a forbidden scan is reported in an Event, and runs once the permission is granted", async (scene) => {
    const { cluster, namespace } = scene;
    const { accessControl } = await start();
    const token = await accessControl.createAccount("no-scanner", [...CLUSTER_RULES, {
      ...SCANNER_RULES[0]!,
      verbs: SCANNER_RULES[0]!.verbs.filter((verb) => verb !== "create"),
    }, ...SCANNER_RULES.slice(1)]);
    await createBuild(scene);
    const log = new WatchedLogger();
    await using _program = scene.run({ token, log, scanner: SCANNER });
    const build = `${namespace}/${buildPod().metadata.name}`;
    await log.until(({ fields }) => fields["object"] === build, 2);
    const [event, ...others] = await cluster.list("events", namespace);
    assert.equal(event?.reason, "InsightsScanFailed");
    assert.match(
      event?.message ?? "",
      /grant the rights of manifests\/components\/build_scanner.*cannot create resource "pods"/,
    );
    assert.deepEqual(others, []);
    await accessControl.grant("no-scanner", "may-create-pods", [
      { apiGroups: [""], resources: ["pods"], verbs: ["create"] },
    ]);
    const label = "insights.lagoon.sh/scanned";
    await cluster.until(
      "pods",
      namespace,
      buildPod().metadata.name,
      (pod) => pod?.metadata.labels?.[label] === "true",
    );
  });
});

describeSuite(factory("with the ClusterRole"), (test) => {
  testEachVerb(test, CLUSTER_RULES, {
    others: [],
    work: createWork,
    options: { configMaps: { burnAfterReading: true } },
  });

  test("the ServiceAccount has exactly these permissions, in its own namespace and elsewhere", async ({ namespace }) => {
    const { accessControl, programToken } = await start();
    const everywhere = [...CLUSTER_RULES, ...TRACK_RULES];
    await accessControl.untilGranted(programToken, OWN_NAMESPACE, [...everywhere, ...LEASE_RULES]);
    await accessControl.untilGranted(programToken, namespace, everywhere);
  });

  test("requests that the program never sends are forbidden to its ServiceAccount", async ({ namespace }) => {
    const { accessControl, programToken } = await start();
    using program = accessControl.as(programToken);
    const core = `/api/v1/namespaces/${namespace}`;
    const rbac = "/apis/rbac.authorization.k8s.io/v1";
    const leases = "/apis/coordination.k8s.io/v1/namespaces";
    const requests = [
      ["GET", "/api/v1/pods"],
      ["GET", "/api/v1/nodes"],
      ["GET", "/api/v1/events"],
      ["GET", "/apis/apps/v1/deployments"],
      ["GET", `${core}/secrets/another`],
      ["GET", `${core}/secrets?fieldSelector=metadata.name%3Dlagoon-env`],
      ["PATCH", `${core}/secrets/lagoon-env`],
      ["PUT", `${core}/secrets/insights-token`],
      ["DELETE", `${core}/secrets/insights-token`],
      ["DELETE", `${core}/secrets`],
      ["POST", `${core}/configmaps`],
      ["PUT", `${core}/configmaps/web`],
      ["DELETE", `${core}/configmaps`],
      ["PATCH", `/api/v1/namespaces/${namespace}`],
      ["DELETE", `/api/v1/namespaces/${namespace}`],
      ["POST", `${core}/pods`],
      ["POST", `${core}/pods/web/exec`],
      ["POST", `${core}/serviceaccounts/default/token`],
      ["PATCH", `${rbac}/clusterroles/insights-remote`],
      ["POST", `${rbac}/clusterrolebindings`],
      ["GET", `${leases}/${OWN_NAMESPACE}/leases/another`],
      ["DELETE", `${leases}/${OWN_NAMESPACE}/leases/ac8a682b.lagoon.sh`],
      ["POST", `${leases}/${namespace}/leases`],
    ] as const;
    for (const [method, path] of requests) {
      const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
      const body = method === "GET" || method === "DELETE" ? undefined : {};
      const status = await program.send(method, path, { body, type, allow: [403] }) as { code?: number };
      assert.equal(status.code, 403, `${method} ${path}`);
    }
  });

  test("the leader election Role lets the ServiceAccount create and update the Lease", async () => {
    const { accessControl, programToken } = await start();
    using program = accessControl.as(programToken);
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${OWN_NAMESPACE}/leases`;
    await program.send("POST", leases, { body: { metadata: { name: "ac8a682b.lagoon.sh" } } });
    await program.send("PATCH", `${leases}/ac8a682b.lagoon.sh`, {
      body: { spec: { holderIdentity: "first" } },
      type: "application/merge-patch+json",
    });
    const lease = await program.send("GET", `${leases}/ac8a682b.lagoon.sh`) as { spec: unknown };
    assert.deepEqual(lease.spec, { holderIdentity: "first" });
  });
});

describeSuite(factory("with the chart's role"), (test) => {
  test("everything works except Events, which the log reports once", async ({ cluster, namespace, run }) => {
    const { accessControl } = await start();
    const token = await accessControl.createAccount("chart", CHART_RULES);
    for (const name of ["first", "second"]) {
      await cluster.create("configmaps", namespace, sbomConfigMap({ name, binaryData: {} }));
    }
    await cluster.create("configmaps", namespace, sbomConfigMap({ name: "good" }));
    const foreign = await cluster.create("secrets", namespace, { metadata: { name: "insights-token" } });
    const log = new WatchedLogger();
    await using _program = run({ token, log, configMaps: { burnAfterReading: true } });
    const isAboutUs = ({ fields }: LogLine) => String(fields["object"]).startsWith(`${namespace}/`);
    await log.until((line) => isAboutUs(line) && line.message === "ConfigMap refused", 2);
    await log.until((line) =>
      isAboutUs(line) && line.message === "Secret with the token Secret's name is not ours"
    );
    await cluster.until("configmaps", namespace, "good", (object) => object === undefined);
    assert.equal(log.with("Events are forbidden: no more are written").length, 1);
    assert.deepEqual(log.lines.filter(({ message }) => /not written|interrupted|failed/.test(message)), []);
    assert.deepEqual(await cluster.list("events", namespace), []);
    const refused = await cluster.get("configmaps", namespace, "first");
    assert.equal(refused?.metadata.annotations?.["core.insights.lagoon.sh/status"], "failure");
    const after = await cluster.get("secrets", namespace, "insights-token");
    assert.equal(after?.metadata.resourceVersion, foreign.metadata.resourceVersion);
  });
});

Deno.test("docs/security.md lists exactly the permissions in the manifests", async () => {
  const metricsRole = await readManifest("components/monitoring/metrics_auth_role");
  const rules = [
    ...CLUSTER_RULES,
    ...LEASE_RULES,
    ...TRACK_RULES,
    ...metricsRole.rules!,
    ...SCANNER_RULES,
  ];
  assert.deepEqual(await documentedPermissions(), permissions(rules));
});
