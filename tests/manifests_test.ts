/** Checks that the manifests match the program: its options, ports, probes and permissions. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import denoJson from "../deno.json" with { type: "json" };
import { buildConfig, type Config } from "../lib/config/config.ts";
import { ALL_OPTIONS } from "../lib/config/options.ts";
import { readValues } from "../lib/config/read.ts";
import { createHealthApp } from "../routes/health.ts";
import {
  at,
  containerOf,
  needsKustomize,
  ofKind,
  only,
  render,
  type RenderedObject,
  renderOwn,
  variablesOf,
  VARIANTS,
} from "./fixtures/manifests.ts";
import { documentedPermissions, permissions, type PolicyRule } from "./fixtures/rbac.ts";

type Port = { readonly name: string; readonly containerPort: number };
type Rule = { readonly ports: readonly { readonly port: string | number }[] };

const README = await Deno.readTextFile(new URL("../manifests/README.md", import.meta.url));
const DRAIN_BROKER_SECONDS = 2;

/** The Secret that the README's command creates, with placeholders replaced. */
const SECRET = new Map(
  [...README.matchAll(/--from-literal=(\w+)=(\S+)/g)].map(([, key, value]) =>
    [key!, /^['"]/.test(value!) ? "something nobody can guess" : value!] as const
  ),
);

/** The program's configuration, read from the Deployment's environment variables. */
function configOf(objects: readonly RenderedObject[]): Config {
  const env = new Map([["KUBERNETES_SERVICE_HOST", "10.0.0.1"], ["HOSTNAME", "insights-remote-0"]]);
  for (const { name, value, valueFrom } of variablesOf(objects)) {
    const found = value ?? SECRET.get(valueFrom?.secretKeyRef.key ?? "");
    if (found !== undefined) env.set(name, found);
  }
  const read = (name: string) => env.get(name);
  return buildConfig(readValues([], read).values, read);
}

/** End of the permission that only the component for Dependency-Track grants. */
const SITE_SECRET = " lagoon-env";

const isPartOf = (part: Record<string, string>, whole: Record<string, string> = {}) =>
  Object.entries(part).every(([key, value]) => whole[key] === value);

const portsOf = (objects: readonly RenderedObject[]) =>
  new Map(at<Port[]>(containerOf(objects), "ports").map(({ name, containerPort }) => [name, containerPort]));

for (const variant of VARIANTS) {
  const test = (name: string, check: (objects: RenderedObject[]) => Promise<void> | void) =>
    Deno.test({
      ...needsKustomize(`${variant}: ${name}`),
      fn: async () => await check(await render(variant)),
    });

  test("each variable is an option and is set once; secrets come from the Secret", (objects) => {
    const variables = variablesOf(objects);
    const names = variables.map(({ name }) => name);
    assert.deepEqual(names, [...new Set(names)]);
    for (const { name, valueFrom } of variables) {
      const option = ALL_OPTIONS.find(({ env }) => env === name);
      assert.ok(option, name);
      if (option.kind.isSecret || valueFrom) {
        assert.equal(valueFrom?.secretKeyRef.name, "insights-remote", name);
        assert.equal(valueFrom.secretKeyRef.key, name);
      }
    }
  });

  test("the program accepts its variables, with the Secret from the README", (objects) => {
    const config = configOf(objects);
    assert.equal(config.broker.enabled, variant !== "overlays/development");
    assert.equal(config.leaderElection.enabled, variant.startsWith("overlays/production"));
    assert.equal(config.broker.tls?.verify, variant.startsWith("overlays/production") ? true : undefined);
    // With TLS, the metrics need a token.
    assert.equal(config.metrics?.tls !== undefined, variant === "overlays/production_monitored");
  });

  test("the container's ports are the ports on which the program listens", (objects) => {
    const { web, health, metrics } = configOf(objects);
    const expected = {
      http: web.port,
      health: health?.port,
      ...(metrics ? { metrics: metrics.address.port } : {}),
    };
    assert.deepEqual(Object.fromEntries(portsOf(objects)), expected);
  });

  test("probes use existing paths of the health endpoint", async (objects) => {
    const app = createHealthApp({}, {});
    const container = containerOf(objects);
    const paths = { startupProbe: "/healthz", livenessProbe: "/healthz", readinessProbe: "/readyz" };
    for (const [probe, path] of Object.entries(paths)) {
      assert.deepEqual(at(container, `${probe}.httpGet`), { path, port: "health" }, probe);
      assert.equal((await app.request(path)).status, 200, path);
    }
  });

  test("the grace period is long enough for an orderly shutdown", (objects) => {
    const { delayMs, graceMs } = configOf(objects).shutdown;
    const seconds = at<number>(
      only(objects, "Deployment"),
      "spec.template.spec.terminationGracePeriodSeconds",
    );
    assert.ok(delayMs > 0);
    assert.ok(seconds >= (delayMs + graceMs) / 1000 + DRAIN_BROKER_SECONDS, `${seconds}`);
  });

  test("leader election is enabled exactly when there are several replicas", (objects) => {
    const replicas = at<number>(only(objects, "Deployment"), "spec.replicas");
    assert.equal(replicas > 1, configOf(objects).leaderElection.enabled);
  });

  test("all pod selectors select the Deployment's pods", (objects) => {
    const labels = at<Record<string, string>>(
      only(objects, "Deployment"),
      "spec.template.metadata.labels",
    );
    const selectors = [
      ...ofKind(objects, "Service").map((service) => at(service, "spec.selector")),
      ...ofKind(objects, "NetworkPolicy").map((policy) => at(policy, "spec.podSelector.matchLabels")),
      ...ofKind(objects, "PodDisruptionBudget").map((budget) => at(budget, "spec.selector.matchLabels")),
      ...at<unknown[]>(only(objects, "Deployment"), "spec.template.spec.topologySpreadConstraints") ?? [],
    ].map((found) => at<Record<string, string>>(found, "labelSelector.matchLabels") ?? found);
    assert.ok(selectors.length >= 2);
    for (const selector of selectors) {
      assert.ok(Object.keys(selector).length > 0);
      assert.ok(isPartOf(selector, labels), JSON.stringify(selector));
    }
  });

  test("Services use ports of the container, and sites can post to port 80", (objects) => {
    const ports = portsOf(objects);
    for (const service of ofKind(objects, "Service")) {
      for (const { targetPort } of at<{ targetPort: string }[]>(service, "spec.ports")) {
        assert.ok(ports.has(targetPort), targetPort);
      }
    }
    const sites = ofKind(objects, "Service").find(({ metadata }) =>
      metadata.name === "lagoon-remote-insights-remote"
    );
    assert.deepEqual(at(sites, "spec.ports"), [{ name: "http", port: 80, targetPort: "http" }]);
  });

  test("network policies allow ingress for posts and metrics, and egress to DNS, API server and broker", (objects) => {
    const { broker, metrics } = configOf(objects);
    const policies = ofKind(objects, "NetworkPolicy");
    const opened = (direction: string) =>
      policies.flatMap((policy) => at<Rule[]>(policy, `spec.${direction}`) ?? [])
        .flatMap(({ ports }) => ports.map(({ port }) => port));
    assert.deepEqual(opened("ingress"), metrics ? ["http", "metrics"] : ["http"]);
    for (const port of [53, 443, 6443, ...(broker.enabled ? [broker.port] : [])]) {
      assert.ok(opened("egress").includes(port), `${port}`);
    }
  });

  test("the ServiceAccount's token is mounted in this pod only, and no volume is writable", (objects) => {
    assert.equal(at(only(objects, "ServiceAccount"), "automountServiceAccountToken"), false);
    const pod = at(only(objects, "Deployment"), "spec.template.spec");
    assert.equal(at(pod, "automountServiceAccountToken"), true);
    assert.equal(at(pod, "serviceAccountName"), only(objects, "ServiceAccount").metadata.name);
    assert.equal(at(pod, "volumes"), undefined);
    assert.equal(at(containerOf(objects), "securityContext.readOnlyRootFilesystem"), true);
  });

  test("the ServiceAccount has exactly the permissions in docs/security.md that this variant needs", async (objects) => {
    const { leaderElection, metrics, scanner } = configOf(objects);
    const needed = (await documentedPermissions()).filter((line) =>
      (leaderElection.enabled || !line.includes(" leases.")) && (metrics || !line.includes("reviews.")) &&
      (scanner || !/ (?:pods|deployments\.apps)$/.test(line)) && !line.endsWith(SITE_SECRET)
    );
    assert.deepEqual(permissions(boundRules(objects)), needed);
  });

  test("all objects are in the namespace lagoon, and none is a Secret or a Namespace", (objects) => {
    const clusterWide = ["ClusterRole", "ClusterRoleBinding"];
    for (const { kind, metadata } of objects) {
      assert.ok(kind !== "Secret" && kind !== "Namespace", kind);
      assert.equal(metadata.namespace, clusterWide.includes(kind) ? undefined : "lagoon", metadata.name);
    }
  });
}

/** The rules of all roles bound to the program's ServiceAccount. */
function boundRules(objects: readonly RenderedObject[]): PolicyRule[] {
  const account = only(objects, "ServiceAccount").metadata;
  return objects.filter(({ kind }) => kind.endsWith("RoleBinding")).flatMap((binding) => {
    assert.deepEqual(at(binding, "subjects"), [{ kind: "ServiceAccount", ...identity(account) }]);
    const { kind, name } = at<{ kind: string; name: string }>(binding, "roleRef");
    const role = ofKind(objects, kind).find(({ metadata }) => metadata.name === name);
    assert.ok(role, `${kind} ${name}`);
    return at<PolicyRule[]>(role, "rules");
  });
}

const identity = ({ name, namespace }: RenderedObject["metadata"]) => ({ name, namespace });

Deno.test({
  ...needsKustomize("the image has this version"),
  fn: async () => {
    for (const variant of ["base", "overlays/production"]) {
      const image = `uselagoon/insights-remote:${denoJson.version}`;
      assert.equal(at(containerOf(await render(variant)), "image"), image);
    }
  },
});

Deno.test({
  ...needsKustomize("the command in manifests/README.md creates the Secret that the Deployment needs"),
  fn: async () => {
    const references = variablesOf(await render("base")).flatMap(({ valueFrom }) =>
      valueFrom ? [valueFrom.secretKeyRef] : []
    );
    const needed = references.filter(({ optional }) => !optional).map(({ key }) => key);
    assert.deepEqual([...SECRET.keys()].sort(), needed.sort());
    assert.match(README, /kubectl create secret generic insights-remote -n lagoon /);
  },
});

Deno.test({
  ...needsKustomize("the ServiceMonitor selects the metrics Service and its port"),
  fn: async () => {
    const objects = await render("overlays/production_monitored");
    const monitor = only(objects, "ServiceMonitor");
    const selector = at<Record<string, string>>(monitor, "spec.selector.matchLabels");
    const found = ofKind(objects, "Service").filter(({ metadata }) => isPartOf(selector, metadata.labels));
    assert.deepEqual(found.map(({ metadata }) => metadata.name), ["insights-remote-metrics"]);
    const [endpoint] = at<{ port: string; scheme: string }[]>(monitor, "spec.endpoints");
    assert.equal(endpoint?.port, at(found[0], "spec.ports.0.name"));
    assert.equal(endpoint?.scheme, "https");
  },
});

Deno.test({
  ...needsKustomize(
    "the build scanner's component enables it and grants the permissions in docs/security.md",
  ),
  fn: async () => {
    assert.match(README, /`components: \[\.\.\/\.\.\/components\/build_scanner\]`/);
    const objects = await renderOwn(
      "resources: [../production]\ncomponents: [../../components/build_scanner]\n",
    );
    assert.ok(configOf(objects).scanner);
    const needed = (await documentedPermissions()).filter((line) =>
      !line.includes("reviews.") && !line.endsWith(SITE_SECRET)
    );
    assert.deepEqual(permissions(boundRules(objects)), needed);
    // Without the component its permissions are not granted.
    const rules = permissions(boundRules(await render("overlays/production")));
    assert.deepEqual(rules.filter((line) => line.endsWith(" pods")), []);
  },
});

Deno.test({
  ...needsKustomize(
    "the overlay in docs/dependency_track.md enables the integration and grants access to sites' keys",
  ),
  fn: async () => {
    const document = await Deno.readTextFile(new URL("../docs/dependency_track.md", import.meta.url));
    const objects = await renderOwn(/```yaml\n([^]*?)```/.exec(document)?.[1] ?? "");
    const variables = new Map(variablesOf(objects).map(({ name, value }) => [name, value]));
    assert.equal(variables.get("ENABLE_DEPENDENCY_TRACK_INTEGRATION"), "true");
    const [, secret] = /kubectl create secret generic (\S+) -n lagoon/.exec(document) ?? [];
    assert.deepEqual(at(containerOf(objects), "envFrom"), [{ secretRef: { name: secret } }]);
    const needed = (await documentedPermissions()).filter((line) =>
      !line.includes("reviews.") && !/ (?:pods|deployments\.apps)$/.test(line)
    );
    assert.deepEqual(permissions(boundRules(objects)), needed);
  },
});

Deno.test({
  ...needsKustomize("the patch in docs/dependency_track.md mounts the CA at the path of its option"),
  fn: async () => {
    const document = await Deno.readTextFile(new URL("../docs/dependency_track.md", import.meta.url));
    const [overlay = "", patch = ""] = [...document.matchAll(/```yaml\n([^]*?)```/g)].map(([, text]) => text);
    const objects = await renderOwn(overlay + patch.replace("patches:\n", ""));
    const variables = new Map(variablesOf(objects).map(({ name, value }) => [name, value]));
    assert.equal(variables.get("ENABLE_DEPENDENCY_TRACK_INTEGRATION"), "true");
    const [, configMap, key] = /kubectl create configmap (\S+) -n lagoon --from-file=(\S+)/.exec(document) ??
      [];
    const name = "dependency-track-ca";
    const mounts = at<{ name: string; mountPath: string }[]>(containerOf(objects), "volumeMounts");
    const folder = mounts.find((mount) => mount.name === name)?.mountPath;
    assert.equal(variables.get("DEPENDENCY_TRACK_CACERT"), `${folder}/${key}`);
    const deployment = objects.find(({ kind }) => kind === "Deployment");
    const volumes = at<{ name: string }[]>(deployment, "spec.template.spec.volumes");
    assert.deepEqual(volumes.find((volume) => volume.name === name), {
      name,
      configMap: { name: configMap },
    });
  },
});

Deno.test({
  ...needsKustomize("the overlay in manifests/README.md renders into its own namespace"),
  fn: async () => {
    const example = /```yaml\n([^]*?)```/.exec(README)?.[1] ?? "";
    const objects = await renderOwn(example);
    const { namespace, images } = parse(example);
    for (const { kind, metadata } of objects) {
      if (!kind.startsWith("Cluster")) assert.equal(metadata.namespace, namespace, metadata.name);
    }
    boundRules(objects);
    const [{ newName, newTag }] = images;
    assert.equal(at(containerOf(objects), "image"), `${newName}:${newTag}`);
    assert.equal(configOf(objects).broker.tls, undefined);
  },
});
