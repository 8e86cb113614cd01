/**
 * SBOMs for Dependency-Track servers that sites name, on any API server.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { DependencyTrackOptions } from "../../controllers/dependency_track.ts";
import { createCertificates } from "../fixtures/certificates.ts";
import type { TestCluster, TestObject } from "../fixtures/cluster.ts";
import { DependencyTrack } from "../fixtures/dependency_track.ts";
import { LAGOON_NAMESPACE_LABELS } from "../fixtures/objects.ts";
import { until } from "../fixtures/until.ts";
import { type ClusterFactory, describeSuite, type RunOptions } from "./harness.ts";
import { bomsOf, DEFAULT, DEVELOPMENT, has, isProcessed, NAME, sbom, toDefault } from "./track_scene.ts";

const CUSTOM = "dependencytrack.insights.lagoon.sh/custom";
const ENDPOINT = "dependencytrack.insights.lagoon.sh/custom-endpoint";
const SITE_KEY = "LAGOON_FEATURE_FLAG_INSIGHTS_DEPENDENCY_TRACK_API_KEY";
const SITE_PROD_ONLY = "LAGOON_FEATURE_FLAG_INSIGHTS_DEPENDENCY_TRACK_PUSH_PROD_ONLY";

/** Allows these servers to sites. */
function toSites(...tracks: DependencyTrack[]): Partial<DependencyTrackOptions> {
  const allowedHosts = tracks.map(({ url }) => ({ hostname: "127.0.0.1", port: Number(new URL(url).port) }));
  return { custom: { allowedHosts, allowHttp: true } };
}

async function createSiteSecret(cluster: TestCluster, namespace: string, data: Record<string, string>) {
  const encoded = Object.fromEntries(Object.entries(data).map(([name, value]) => [name, btoa(value)]));
  await cluster.create("secrets", namespace, {
    metadata: { name: "lagoon-env" },
    type: "Opaque",
    data: encoded,
  });
}

/** Registers the suite. */
export function trackSiteSuite(factory: ClusterFactory): void {
  describeSuite(factory, (test) => {
    test("a site's own server gets the SBOM with the site's key, in addition to the operator's", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      await using own = new DependencyTrack({ key: "site-key" });
      await createSiteSecret(cluster, namespace, { [SITE_KEY]: "site-key" });
      await using _program = run({ track: { ...toDefault(track), ...toSites(own) } });
      await cluster.create(
        "configmaps",
        namespace,
        sbom(namespace, { annotations: { [ENDPOINT]: own.url } }),
      );
      const marked = await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.deepEqual([bomsOf(track, namespace), bomsOf(own, namespace)], [1, 1]);
      assert.equal(marked?.metadata.annotations?.[`${CUSTOM}-status`], "success");
      assert.deepEqual([...new Set(own.calls.map(({ key }) => key))], ["site-key"]);
    });

    test("the operator's CA is trusted for the operator's server, and not for a site's", async ({ cluster, namespace, run }) => {
      await using parts = new AsyncDisposableStack();
      const folder = await Deno.makeTempDir();
      parts.defer(() => Deno.remove(folder, { recursive: true }));
      const tls = await createCertificates(folder);
      const track = parts.use(new DependencyTrack({ tls }));
      const own = parts.use(new DependencyTrack({ key: "site-key", tls }));
      await createSiteSecret(cluster, namespace, { [SITE_KEY]: "site-key" });
      const server = { endpoint: track.url, key: "track-key", caFile: `${folder}/ca.crt` };
      await using _program = run({ track: { server, ...toSites(own) } });
      const annotations = { [ENDPOINT]: own.url };
      await cluster.create("configmaps", namespace, sbom(namespace, { annotations }));
      await cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-status`, "success"));
      const failed = await cluster.until("configmaps", namespace, NAME, has(`${CUSTOM}-status`, "failure"));
      const error = failed?.metadata.annotations?.[`${CUSTOM}-status-error`] ?? "";
      assert.match(error, /^Cannot verify the certificate of .*: the server needs one of a well-known CA$/);
      assert.equal(bomsOf(track, namespace), 1);
      assert.deepEqual(own.calls, []);
    });

    test("a site chooses whether its own server gets only production", async ({ cluster, bareNamespace, run }) => {
      const namespace = await bareNamespace(DEVELOPMENT);
      await using own = new DependencyTrack({ key: "site-key" });
      const data = { [SITE_KEY]: "site-key", [SITE_PROD_ONLY]: "false" };
      await createSiteSecret(cluster, namespace, data);
      await using _program = run({ track: toSites(own) });
      await cluster.create(
        "configmaps",
        namespace,
        sbom(namespace, { annotations: { [ENDPOINT]: own.url } }),
      );
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(bomsOf(own, namespace), 1);
    });

    test("a site's choice that is no boolean is ignored and logged", async ({ cluster, bareNamespace, run }) => {
      const namespace = await bareNamespace(DEVELOPMENT);
      await using own = new DependencyTrack({ key: "site-key" });
      await createSiteSecret(cluster, namespace, { [SITE_KEY]: "site-key", [SITE_PROD_ONLY]: "perhaps" });
      await using program = run({ track: toSites(own) });
      await cluster.create(
        "configmaps",
        namespace,
        sbom(namespace, { annotations: { [ENDPOINT]: own.url } }),
      );
      const marked = await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(marked?.metadata.annotations?.[`${CUSTOM}-status`], "skipped");
      assert.equal(bomsOf(own, namespace), 0);
      const lines = program.log.with("Ignored a site's variable that is neither true nor false");
      assert.ok(lines.some(({ fields }) => fields.namespace === namespace));
    });

    const REFUSED:
      readonly (readonly [what: string, endpoint: (url: string) => string, why: RegExp, RunOptions?])[] = [
        [
          "that the operator doesn't allow",
          () => "https://elsewhere.example.com",
          /not allowed in this cluster/,
        ],
        ["of another scheme", () => "ftp://127.0.0.1", /must be a URL/],
        ["that is no URL", () => "track.example.com", /must be a URL/],
        ["with a password", (url) => url.replace("//", "//u:p@"), /must be a URL/],
        ["within the cluster", (url) => url, /must not be an address of this machine/, {
          allowsAddress: () => false,
        }],
      ];
    for (const [what, endpoint, why, options] of REFUSED) {
      test(`a site's server ${what} is refused with an Event, and delays no other`, async ({ cluster, namespace, run }) => {
        await using track = new DependencyTrack();
        await using own = new DependencyTrack({ key: "site-key" });
        await createSiteSecret(cluster, namespace, { [SITE_KEY]: "site-key" });
        await using program = run({ track: { ...toDefault(track), ...toSites(own) }, ...options });
        const annotations = { [ENDPOINT]: endpoint(own.url) };
        await cluster.create("configmaps", namespace, sbom(namespace, { annotations }));
        const refused = await cluster.until(
          "configmaps",
          namespace,
          NAME,
          has(`${CUSTOM}-status`, "failure"),
        );
        assert.match(refused?.metadata.annotations?.[`${CUSTOM}-status-error`] ?? "", why);
        await cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-status`, "success"));
        await program.publisher.untilCount(namespace, 1);
        const events = () => cluster.list("events", namespace);
        await until("there is an Event", async () => (await events()).length > 0);
        const [event] = await events() as (TestObject & { reason?: string; message?: string })[];
        assert.equal(event?.reason, "DependencyTrackRefused");
        assert.match(event?.message ?? "", why);
        assert.deepEqual(own.calls, []);
      });
    }

    test("without a key, the error names the variable to set", async ({ cluster, namespace, run }) => {
      await using own = new DependencyTrack();
      await using _program = run({ track: toSites(own) });
      await cluster.create(
        "configmaps",
        namespace,
        sbom(namespace, { annotations: { [ENDPOINT]: own.url } }),
      );
      const refused = await cluster.until("configmaps", namespace, NAME, has(`${CUSTOM}-status`, "failure"));
      assert.match(refused?.metadata.annotations?.[`${CUSTOM}-status-error`] ?? "", new RegExp(SITE_KEY));
      assert.deepEqual(own.calls, []);
    });

    test("a failing server of a site is reported in an Event, and gets the SBOM once it has recovered", async ({ cluster, namespace, run }) => {
      await using own = new DependencyTrack({ key: "site-key" });
      own.fault = () => ({ status: 500 });
      await createSiteSecret(cluster, namespace, { [SITE_KEY]: "site-key" });
      await using _program = run({ track: toSites(own), configMaps: { retryDelayMs: 1_000 } });
      await cluster.create(
        "configmaps",
        namespace,
        sbom(namespace, { annotations: { [ENDPOINT]: own.url } }),
      );
      await until("there is an Event", async () => (await cluster.list("events", namespace)).length > 0);
      const [event] = await cluster.list("events", namespace) as (TestObject & { reason?: string })[];
      assert.equal(event?.reason, "DependencyTrackFailed");
      own.fault = () => undefined;
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(bomsOf(own, namespace), 1);
    });

    test("a site's key is in no Event, mark or log line, even if the server echoes it", async ({ cluster, namespace, run }) => {
      const key = "the-key-that-nobody-may-see";
      await using own = new DependencyTrack({ key });
      await createSiteSecret(cluster, namespace, { [SITE_KEY]: key });
      await using program = run({ track: toSites(own) });
      const headers = { location: `https://elsewhere.example/?key=${key}`, "www-authenticate": key };
      const faults = [
        { status: 302, headers },
        { status: 401, headers },
        { status: 503, headers },
        "echo",
        "cut",
      ] as const;
      for (const [index, fault] of faults.entries()) {
        own.fault = () => fault;
        const name = `sbom-${index}`;
        const annotations = { [ENDPOINT]: own.url };
        await cluster.create("configmaps", namespace, sbom(namespace, { name, annotations }));
        await cluster.until("configmaps", namespace, name, has(`${CUSTOM}-status`, "failure"));
      }
      await until(
        "there are Events",
        async () => (await cluster.list("events", namespace)).length >= faults.length,
      );
      assert.ok(own.calls.length >= faults.length && own.calls.every((call) => call.key === key));
      const outputs = [
        await cluster.list("events", namespace),
        await cluster.list("configmaps", namespace),
        program.log.lines,
      ];
      assert.doesNotMatch(JSON.stringify(outputs), new RegExp(key));
    });

    test("a site's server that is slow holds one worker, however many SBOMs it gets", async ({ cluster, namespace, bareNamespace, run }) => {
      await using slow = new DependencyTrack({ key: "site-key" });
      await using own = new DependencyTrack({ key: "site-key" });
      const { promise: released, resolve: release } = Promise.withResolvers<undefined>();
      slow.fault = () => released;
      const attacker = await bareNamespace(LAGOON_NAMESPACE_LABELS);
      for (const name of [namespace, attacker]) {
        await createSiteSecret(cluster, name, { [SITE_KEY]: "site-key" });
      }
      await using _program = run({ track: { ...toSites(slow, own), maxConcurrent: 2 } });
      const names = ["one", "two", "three", "four"];
      for (const name of names) {
        const labels = { "lagoon.sh/service": `${attacker}-${name}` };
        await cluster.create(
          "configmaps",
          attacker,
          sbom(attacker, { name, labels, annotations: { [ENDPOINT]: slow.url } }),
        );
      }
      await until("the slow server has a request", () => slow.calls.length > 0);
      await cluster.create(
        "configmaps",
        namespace,
        sbom(namespace, { annotations: { [ENDPOINT]: own.url } }),
      );
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(slow.calls.length, 1);
      release(undefined);
      for (const name of names) await cluster.until("configmaps", attacker, name, isProcessed);
    });

    test("a redirect of a site's server is not followed", async ({ cluster, namespace, run }) => {
      await using own = new DependencyTrack({ key: "site-key" });
      await using inside = new DependencyTrack({ key: "site-key" });
      own.fault = () => ({ status: 307, headers: { location: `${inside.url}/api/v1/project` } });
      await createSiteSecret(cluster, namespace, { [SITE_KEY]: "site-key" });
      await using _program = run({ track: toSites(own, inside) });
      await cluster.create(
        "configmaps",
        namespace,
        sbom(namespace, { annotations: { [ENDPOINT]: own.url } }),
      );
      const refused = await cluster.until("configmaps", namespace, NAME, has(`${CUSTOM}-status`, "failure"));
      assert.match(refused?.metadata.annotations?.[`${CUSTOM}-status-error`] ?? "", /307/);
      assert.deepEqual(inside.calls, []);
    });
  });
}
