/** Applies all manifests to a real API server, with strict field validation and Pod Security "restricted". */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { TestCluster } from "../fixtures/cluster.ts";
import { DryRun } from "../fixtures/dry_run.ts";
import { ignoredWithoutApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { at, needsKustomize, only, render, type RenderedObject, VARIANTS } from "../fixtures/manifests.ts";
import { OWN_NAMESPACE } from "../fixtures/rbac.ts";

/** Folder of the Go module github.com/prometheus-operator/prometheus-operator, which holds the CRDs. */
const OPERATOR_VARIABLE = "PROMETHEUS_OPERATOR";
const DEFINITIONS = { ServiceMonitor: "servicemonitors", PrometheusRule: "prometheusrules" };
const MONITORING = "monitoring.coreos.com/v1";

const ACCEPTED = { status: 200, warnings: [], message: "" };
const POD_SECURITY = Object.fromEntries(
  ["enforce", "warn", "audit"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "restricted"]),
);

interface Server extends AsyncDisposable {
  readonly dryRun: DryRun;
}

/** Starts a server with the program's namespace and, on request, the Prometheus Operator's CRDs. */
async function startServer({ withMonitoring }: { withMonitoring: boolean }): Promise<Server> {
  await using stack = new AsyncDisposableStack();
  const api = stack.use(await startKubeApiserver());
  const cluster = stack.use(new TestCluster(api));
  const dryRun = stack.use(new DryRun(api));
  await cluster.createNamespace(OWN_NAMESPACE, POD_SECURITY);
  if (withMonitoring) {
    for (const [kind, plural] of Object.entries(DEFINITIONS)) {
      const body = parse(await readDefinition(plural));
      await cluster.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", { body });
      await dryRun.untilServed(MONITORING, kind);
    }
  }
  const running = stack.move();
  return { dryRun, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function readDefinition(plural: string): Promise<string> {
  const folder = Deno.env.get(OPERATOR_VARIABLE);
  if (!folder) throw new Error(`Cannot read the CRD of ${plural}: ${OPERATOR_VARIABLE} is not set`);
  return Deno.readTextFile(`${folder}/example/prometheus-operator-crd/monitoring.coreos.com_${plural}.yaml`);
}

function needsServer(name: string): { name: string; ignore: boolean } {
  const withoutServer = ignoredWithoutApiserver(name);
  return withoutServer.ignore ? withoutServer : needsKustomize(name);
}

function needsDefinitions(name: string): { name: string; ignore: boolean } {
  if (Deno.env.get(OPERATOR_VARIABLE) || Deno.env.get("CI") === "true") return needsServer(name);
  return { name: `${name} (ignored: ${OPERATOR_VARIABLE} is not set)`, ignore: true };
}

/** A pod as the Deployment's controller would create it. */
function podOf(objects: readonly RenderedObject[]): RenderedObject {
  const { metadata, spec } = at<{ metadata: object; spec: object }>(
    only(objects, "Deployment"),
    "spec.template",
  );
  const identity = { name: "insights-remote-0", namespace: OWN_NAMESPACE };
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, ...identity }, spec };
  return pod;
}

async function checkVariant(variant: string, dryRun: DryRun): Promise<void> {
  const objects = await render(variant);
  for (const object of objects) {
    const name = `${variant}: ${object.kind} ${object.metadata.name}`;
    // 201: the object does not exist yet.
    assert.deepEqual(await dryRun.apply(object), { ...ACCEPTED, status: 201 }, name);
  }
  assert.deepEqual(await dryRun.create(podOf(objects)), { ...ACCEPTED, status: 201 }, `${variant}: the pod`);
}

Deno.test({
  ...needsServer(
    "the API server accepts base and overlays without warnings, and their pods under Pod Security",
  ),
  fn: async (t) => {
    await using server = await startServer({ withMonitoring: false });
    const { dryRun } = server;
    for (const variant of VARIANTS.filter((variant) => !variant.endsWith("_monitored"))) {
      await t.step(variant, () => checkVariant(variant, dryRun));
    }

    await t.step("the check rejects an unknown field", async () => {
      const deployment = only(await render("base"), "Deployment");
      const wrong = structuredClone(deployment) as RenderedObject & { spec: { replica?: number } };
      wrong.spec.replica = 1;
      const { status, message } = await dryRun.apply(wrong);
      assert.deepEqual([status >= 400, /replica/.test(message)], [true, true], message);
    });

    await t.step(
      "the check warns about a Deployment, and rejects a pod, that violates Pod Security",
      async () => {
        const wrong = structuredClone(await render("base"));
        const pod = at<{ securityContext: { runAsNonRoot?: boolean } }>(
          only(wrong, "Deployment"),
          "spec.template.spec",
        );
        pod.securityContext.runAsNonRoot = false;
        const { warnings } = await dryRun.apply(only(wrong, "Deployment"));
        assert.match(warnings.join(), /would violate PodSecurity.*runAsNonRoot/);
        assert.equal((await dryRun.create(podOf(wrong))).status, 403);
      },
    );
  },
});

Deno.test({
  ...needsDefinitions("the API server accepts production with the Prometheus Operator's objects"),
  fn: async () => {
    await using server = await startServer({ withMonitoring: true });
    await checkVariant("overlays/production_monitored", server.dryRun);
  },
});
