/**
 * What becomes of SBOMs at Dependency-Track, and of ConfigMaps that have more than one destination, on any API server.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { TrackLanesOptions } from "../../controllers/configmap_lanes.ts";
import { ManualClock } from "../fixtures/clock.ts";
import type { TestCluster, TestObject } from "../fixtures/cluster.ts";
import { DependencyTrack, type KeptProject, type TrackFault } from "../fixtures/dependency_track.ts";
import { BUILD_ANNOTATIONS, SBOM_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { until } from "../fixtures/until.ts";
import { type ClusterFactory, describeSuite, type RunOptions } from "./harness.ts";

const NAME = "lagoon-insights-sbom-nginx";
const PROCESSED = "lagoon.sh/insightsProcessed";
const CORE = "core.insights.lagoon.sh/status";
const DEFAULT = "dependencytrack.insights.lagoon.sh/default";
const CUSTOM = "dependencytrack.insights.lagoon.sh/custom";
const ENDPOINT = "dependencytrack.insights.lagoon.sh/custom-endpoint";
const BOM = JSON.stringify({ bomFormat: "CycloneDX", specVersion: "1.6", components: [] });
/** Between two steps of a clock that tests move: longer than anything that a step sets off. */
const WORK_MS = 2_000;

/** An SBOM whose project at Dependency-Track no other test has. */
function sbom(namespace: string, { annotations = {}, labels = {}, name = NAME, text = BOM }: SbomParts = {}) {
  return sbomConfigMap({
    name,
    labels: { ...SBOM_LABELS, "lagoon.sh/service": namespace, ...labels },
    annotations: { ...BUILD_ANNOTATIONS, ...annotations },
    binaryData: { "nginx.cyclonedx.json.gz": gzipSync(text).toString("base64") },
  });
}

interface SbomParts {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly text?: string;
}

/** The operator's server. */
function toDefault(
  track: DependencyTrack,
  more: Partial<TrackLanesOptions> = {},
): Partial<TrackLanesOptions> {
  return { server: { endpoint: track.url, key: "track-key" }, ...more };
}

/** Sites' servers on this machine. */
function toSites(...tracks: DependencyTrack[]): Partial<TrackLanesOptions> {
  const allowedHosts = tracks.map(({ url }) => ({ hostname: "127.0.0.1", port: Number(new URL(url).port) }));
  return { custom: { allowedHosts, allowHttp: true } };
}

function leafOf(track: DependencyTrack, namespace: string): KeptProject | undefined {
  return track.projects.find(({ name }) => name === `proj-main-${namespace}`);
}

function bomsOf(track: DependencyTrack, namespace: string): number {
  return leafOf(track, namespace)?.boms.length ?? 0;
}

const isProcessed = (object: TestObject | undefined) => object?.metadata.labels?.[PROCESSED] !== undefined;
const has = (name: string, value?: string) => (object: TestObject | undefined) => {
  const found = object?.metadata.annotations?.[name];
  return value === undefined ? found !== undefined : found === value;
};

async function createSiteSecret(cluster: TestCluster, namespace: string, data: Record<string, string>) {
  const encoded = Object.fromEntries(Object.entries(data).map(([name, value]) => [name, btoa(value)]));
  await cluster.create("secrets", namespace, {
    metadata: { name: "lagoon-env" },
    type: "Opaque",
    data: encoded,
  });
}

const SITE_KEY = "LAGOON_FEATURE_FLAG_INSIGHTS_DEPENDENCY_TRACK_API_KEY";
const SITE_PROD_ONLY = "LAGOON_FEATURE_FLAG_INSIGHTS_DEPENDENCY_TRACK_PUSH_PROD_ONLY";

/** Registers the suite. */
export function trackSuite(factory: ClusterFactory): void {
  describeSuite(factory, (test) => {
    test("an SBOM goes to core and, below root and parent, to Dependency-Track, and is processed once both have it", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      await using program = run({ track: toDefault(track) });
      await cluster.create("configmaps", namespace, sbom(namespace));
      const marked = await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(program.publisher.of(namespace).length, 1);
      const leaf = leafOf(track, namespace);
      assert.ok(leaf);
      assert.deepEqual(track.pathOf(leaf), ["proj", "proj-main", `proj-main-${namespace}`]);
      assert.deepEqual([leaf.version, leaf.tags], ["unset", ["lagoon-environmenttype-production"]]);
      assert.deepEqual(leaf.boms, [{
        bytes: BOM.length,
        sha256: createHash("sha256").update(BOM).digest("hex"),
      }]);
      const parents = track.projects.filter(({ name }) => ["proj", "proj-main"].includes(name));
      assert.deepEqual(parents.map(({ collectionLogic }) => collectionLogic), [
        "AGGREGATE_DIRECT_CHILDREN",
        "AGGREGATE_DIRECT_CHILDREN",
      ]);
      assert.equal(marked?.metadata.annotations?.[`${DEFAULT}-status`], "success");
      assert.equal(marked?.metadata.annotations?.[CORE], "success");
    });

    test("an environment that is not production goes to core alone", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      await using program = run({ track: toDefault(track) });
      const labels = { "lagoon.sh/environmentType": "development" };
      await cluster.create("configmaps", namespace, sbom(namespace, { labels }));
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(program.publisher.of(namespace).length, 1);
      assert.equal(leafOf(track, namespace), undefined);
    });

    test("an image inspection goes to core alone", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      await using program = run({ track: toDefault(track) });
      const labels = { "lagoon.sh/insightsType": "image-gz", "insights.lagoon.sh/type": "inspect" };
      await cluster.create("configmaps", namespace, sbom(namespace, { labels }));
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(program.publisher.of(namespace).length, 1);
      assert.equal(leafOf(track, namespace), undefined);
    });

    test("a project of the same name below another parent is not taken for ours", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      const other = track.add({ name: "other" });
      track.add({ name: "proj", parent: other.uuid, version: "9" });
      await using _program = run({ track: toDefault(track) });
      await cluster.create("configmaps", namespace, sbom(namespace));
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.deepEqual(track.pathOf(leafOf(track, namespace)!), [
        "proj",
        "proj-main",
        `proj-main-${namespace}`,
      ]);
    });

    const FAULTS: readonly (readonly [string, TrackFault | "dead", code: RegExp])[] = [
      ["answers 500", { status: 500 }, /answered 500/],
      ["answers 503", { status: 503 }, /answered 503/],
      ["answers what is no JSON", "no-json", /answered something that Dependency-Track does not/],
      ["cuts its answers off", "cut", /No answer from/],
      ["never answers", "silence", /No answer from/],
      ["answers without end", "endless", /more than/],
      ["is dead", "dead", /No answer from/],
    ];
    for (const [what, fault, error] of FAULTS) {
      test(`a Dependency-Track that ${what} holds up nothing, and has the SBOM once it is well`, async ({ cluster, namespace, run }) => {
        await using parts = new AsyncDisposableStack();
        let track = new DependencyTrack();
        const port = Number(new URL(track.url).port);
        if (fault === "dead") await track[Symbol.asyncDispose]();
        else track.fault = () => fault;
        const clock = new ManualClock();
        const more = { requestTimeoutMs: fault === "silence" ? 1_000 : 60_000 };
        await using program = run({ clock, track: toDefault(track, more) });
        await cluster.create("configmaps", namespace, sbom(namespace));
        await program.publisher.untilCount(namespace, 1);
        const failed = cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-status`, "failure"));
        // Only silence needs time to pass.
        if (fault === "silence") await pass(clock, 1_000, failed);
        const { metadata } = (await failed)!;
        const { annotations = {} } = metadata;
        assert.match(annotations[`${DEFAULT}-status-error`] ?? "", error);
        assert.equal(annotations[`${DEFAULT}-retries`], "1");
        assert.equal(annotations[`${DEFAULT}-retry-after`], String(Math.ceil(clock.now() / 1000) + 300));
        await cluster.until("configmaps", namespace, NAME, has(CORE, "success"));
        assert.equal(isProcessed(await cluster.get("configmaps", namespace, NAME)), false);
        if (fault === "dead") track = new DependencyTrack({ port });
        parts.use(track);
        track.fault = () => undefined;
        await clock.advance(299_000);
        // In small steps, so that what the first one sets off is not late at once.
        await pass(clock, 500, cluster.until("configmaps", namespace, NAME, isProcessed));
        assert.equal(bomsOf(track, namespace), 1);
        assert.equal(program.publisher.of(namespace).length, 1);
      });
    }

    test("a Dependency-Track that is busy is left alone for as long as it asks, and longer after each failure", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      track.fault = () => ({ status: 429, headers: { "retry-after": "900" } });
      const clock = new ManualClock();
      await using _program = run({ clock, track: toDefault(track) });
      await cluster.create("configmaps", namespace, sbom(namespace));
      const after = (object: TestObject | undefined) =>
        Number(object?.metadata.annotations?.[`${DEFAULT}-retry-after`]) - Math.ceil(clock.now() / 1000);
      const first = await cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-retries`, "1"));
      assert.equal(after(first), 900);
      track.fault = () => ({ status: 502 });
      const second = cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-retries`, "2"));
      await pass(clock, 900_000, second);
      assert.equal(after(await second), 600);
    });

    test("what Dependency-Track refuses is not sent again until the ConfigMap changes, and burned by nobody", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      // By this name the server is asked for nothing of other tests.
      const templates = {
        root: "root-of-{{ .ServiceName }}",
        parent: "parent",
        project: "project",
        version: "",
      };
      const options = { server: { endpoint: track.url, key: "another-key" }, templates };
      const callCount = () =>
        track.calls.filter(({ query }) => query.includes(`=root-of-${namespace}&`)).length;
      await using program = run({ configMaps: { burnAfterReading: true }, track: options });
      await cluster.create("configmaps", namespace, sbom(namespace));
      const refused = await cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-status`, "failure"));
      assert.match(
        refused?.metadata.annotations?.[`${DEFAULT}-status-error`] ?? "",
        /401.*check the API key/,
      );
      assert.doesNotMatch(JSON.stringify(refused), /another-key/);
      await cluster.until("configmaps", namespace, NAME, has(CORE, "success"));
      const count = callCount();
      assert.ok(count > 0);
      await cluster.mark("configmaps", namespace, NAME, { annotations: { note: "seen again" } });
      track.fault = () => ({ status: 413 });
      await cluster.mark("configmaps", namespace, NAME, {
        labels: { "lagoon.sh/service": `${namespace}-2` },
      });
      await cluster.until(
        "configmaps",
        namespace,
        NAME,
        (object) => /413/.test(object?.metadata.annotations?.[`${DEFAULT}-status-error`] ?? ""),
      );
      // Changes come in their order: at the first one nothing was asked.
      assert.equal(callCount(), count);
      assert.equal(program.publisher.of(namespace).length, 1);
    });

    test("burn after reading waits for all destinations", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      track.isBusy = true;
      await using program = run({ configMaps: { burnAfterReading: true }, track: toDefault(track) });
      await cluster.create("configmaps", namespace, sbom(namespace));
      await cluster.until("configmaps", namespace, NAME, has(CORE, "success"));
      await until("the SBOM is uploaded", () => bomsOf(track, namespace) === 1);
      assert.ok(await cluster.get("configmaps", namespace, NAME));
      track.isBusy = false;
      await cluster.until("configmaps", namespace, NAME, (object) => object === undefined);
      assert.equal(program.publisher.of(namespace).length, 1);
    });

    test("core that is away holds up Dependency-Track no more than the other way round", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      await using program = run({ track: toDefault(track), configMaps: { retryDelayMs: 1_000 } });
      program.publisher.ready = false;
      await cluster.create("configmaps", namespace, sbom(namespace));
      await cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-status`, "success"));
      assert.equal(program.publisher.of(namespace).length, 0);
      program.publisher.ready = true;
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.deepEqual([program.publisher.of(namespace).length, bomsOf(track, namespace)], [1, 1]);
    });

    test("uploads to one project never meet, and others don't wait for a slow one", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      track.isBusy = true;
      await using _program = run({ track: toDefault(track, { maxConcurrent: 1 }) });
      const names = ["one", "two", "three"];
      for (const name of names) await cluster.create("configmaps", namespace, sbom(namespace, { name }));
      await until("the first one is uploaded", () => bomsOf(track, namespace) === 1);
      const labels = { "lagoon.sh/service": `${namespace}-other` };
      await cluster.create("configmaps", namespace, sbom(namespace, { name: "other", labels }));
      await until("the other project has its own", () => bomsOf(track, `${namespace}-other`) === 1);
      track.isBusy = false;
      for (const name of names) await cluster.until("configmaps", namespace, name, isProcessed);
      assert.deepEqual([bomsOf(track, namespace), track.collisions], [3, 0]);
    });

    test("what is not processed in time counts as failed", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      track.isBusy = true;
      await using _program = run({ track: toDefault(track, { processingTimeoutMs: 500 }) });
      await cluster.create("configmaps", namespace, sbom(namespace));
      const failed = await cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-status`, "failure"));
      assert.match(failed?.metadata.annotations?.[`${DEFAULT}-status-error`] ?? "", /in time/);
    });

    test("a rebuild that arrives while the old SBOM is processed is uploaded after it", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      track.isBusy = true;
      await using program = run({ track: toDefault(track) });
      await cluster.create("configmaps", namespace, sbom(namespace));
      await until("the first one is uploaded", () => bomsOf(track, namespace) === 1);
      const labels = { "lagoon.sh/buildName": "lagoon-build-2" };
      const { metadata, ...rebuilt } = sbom(namespace, { labels, text: `${BOM}\n` });
      // As builds do it: first without labels, which then come.
      await cluster.replace("configmaps", namespace, { ...rebuilt, metadata: { name: NAME } });
      await cluster.mark("configmaps", namespace, NAME, metadata);
      await program.publisher.untilCount(namespace, 2);
      assert.equal(bomsOf(track, namespace), 1);
      track.isBusy = false;
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.deepEqual([bomsOf(track, namespace), track.collisions], [2, 0]);
      assert.equal(leafOf(track, namespace)?.boms.at(-1)?.bytes, BOM.length + 1);
    });

    test("a ConfigMap that is deleted while its SBOM is processed keeps nobody waiting", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      track.isBusy = true;
      await using _program = run({ track: toDefault(track) });
      await cluster.create("configmaps", namespace, sbom(namespace));
      await until("it is uploaded", () => bomsOf(track, namespace) === 1);
      await cluster.delete("configmaps", namespace, NAME);
      await cluster.create("configmaps", namespace, sbom(namespace, { name: "next" }));
      track.isBusy = false;
      await cluster.until("configmaps", namespace, "next", isProcessed);
      assert.deepEqual([bomsOf(track, namespace), track.collisions], [2, 0]);
    });

    test("after a restart only what Dependency-Track doesn't have is sent", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      track.fault = () => ({ status: 500 });
      {
        await using first = run({ track: toDefault(track), configMaps: { retryDelayMs: 1_000 } });
        await cluster.create("configmaps", namespace, sbom(namespace));
        await first.publisher.untilCount(namespace, 1);
        await cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-status`, "failure"));
        await cluster.until("configmaps", namespace, NAME, has(CORE, "success"));
      }
      track.fault = () => undefined;
      await using second = run({ track: toDefault(track) });
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.deepEqual([second.publisher.of(namespace).length, bomsOf(track, namespace)], [0, 1]);
    });

    test("an SBOM that is broken, or unpacks to too much, is refused before anything is uploaded", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      await using _program = run({ track: toDefault(track, { maxSbomBytes: 1_000_000 }) });
      const bomb = sbom(namespace, { name: "bomb", text: " ".repeat(20_000_000) });
      const packed = gzipSync(BOM).subarray(0, -10).toString("base64");
      await cluster.create("configmaps", namespace, bomb);
      await cluster.create("configmaps", namespace, {
        ...sbom(namespace, { name: "cut" }),
        binaryData: { "a.gz": packed },
      });
      for (
        const [name, error] of [["bomb", /more than 1000000 bytes/], ["cut", /not a whole gzip/]] as const
      ) {
        const refused = await cluster.until(
          "configmaps",
          namespace,
          name,
          has(`${DEFAULT}-status`, "failure"),
        );
        assert.match(refused?.metadata.annotations?.[`${DEFAULT}-status-error`] ?? "", error);
      }
      assert.equal(leafOf(track, namespace), undefined);
    });

    test("a site's own server gets the SBOM with the site's key, beside the operator's", async ({ cluster, namespace, run }) => {
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

    test("a site decides for its own server whether only production is pushed", async ({ cluster, namespace, run }) => {
      await using own = new DependencyTrack({ key: "site-key" });
      const data = { [SITE_KEY]: "site-key", [SITE_PROD_ONLY]: "false" };
      await createSiteSecret(cluster, namespace, data);
      await using _program = run({ track: toSites(own) });
      const labels = { "lagoon.sh/environmentType": "development" };
      await cluster.create(
        "configmaps",
        namespace,
        sbom(namespace, { labels, annotations: { [ENDPOINT]: own.url } }),
      );
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(bomsOf(own, namespace), 1);
    });

    test("without a choice that can be read the operator's counts, and the log says so", async ({ cluster, namespace, run }) => {
      await using own = new DependencyTrack({ key: "site-key" });
      await createSiteSecret(cluster, namespace, { [SITE_KEY]: "site-key", [SITE_PROD_ONLY]: "perhaps" });
      await using program = run({ track: toSites(own) });
      const labels = { "lagoon.sh/environmentType": "development" };
      await cluster.create(
        "configmaps",
        namespace,
        sbom(namespace, { labels, annotations: { [ENDPOINT]: own.url } }),
      );
      const marked = await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(marked?.metadata.annotations?.[`${CUSTOM}-status`], "skipped");
      assert.equal(bomsOf(own, namespace), 0);
      const lines = program.log.with("A site's choice is neither true nor false, so the operator's counts");
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
      test(`a site's server ${what} is refused with an Event, and holds up no other`, async ({ cluster, namespace, run }) => {
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
        assert.equal(program.publisher.of(namespace).length, 1);
        const events = () => cluster.list("events", namespace);
        await until("an Event tells", async () => (await events()).length > 0);
        const [event] = await events() as (TestObject & { reason?: string; message?: string })[];
        assert.equal(event?.reason, "DependencyTrackRefused");
        assert.match(event?.message ?? "", why);
        assert.deepEqual(own.calls, []);
      });
    }

    test("a site without a key is told what to set", async ({ cluster, namespace, run }) => {
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

    test("a site's server that fails is told of in an Event, and has the SBOM once it is well", async ({ cluster, namespace, run }) => {
      await using own = new DependencyTrack({ key: "site-key" });
      own.fault = () => ({ status: 500 });
      await createSiteSecret(cluster, namespace, { [SITE_KEY]: "site-key" });
      await using _program = run({ track: toSites(own), configMaps: { retryDelayMs: 1_000 } });
      await cluster.create(
        "configmaps",
        namespace,
        sbom(namespace, { annotations: { [ENDPOINT]: own.url } }),
      );
      await until("an Event tells", async () => (await cluster.list("events", namespace)).length > 0);
      const [event] = await cluster.list("events", namespace) as (TestObject & { reason?: string })[];
      assert.equal(event?.reason, "DependencyTrackFailed");
      own.fault = () => undefined;
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(bomsOf(own, namespace), 1);
    });

    test("after the configured number of retries Dependency-Track is given up, and core is not", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      track.fault = () => ({ status: 500 });
      await using program = run({
        track: toDefault(track),
        configMaps: { maxRetries: 1, retryDelayMs: 1_000 },
      });
      program.publisher.ready = false;
      await cluster.create("configmaps", namespace, sbom(namespace));
      await cluster.until("configmaps", namespace, NAME, has(CORE, "failure"));
      program.publisher.ready = true;
      const label = "insights.lagoon.sh/max-retry-exceeded";
      const marked = await cluster.until(
        "configmaps",
        namespace,
        NAME,
        (object) => object?.metadata.labels?.[label] === "true",
      );
      assert.equal(program.publisher.of(namespace).length, 1);
      assert.equal(marked?.metadata.annotations?.[CORE], "success");
      assert.equal(marked?.metadata.annotations?.[`${DEFAULT}-retries`], "2");
    });

    test("a site's server that redirects is not followed", async ({ cluster, namespace, run }) => {
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

/** Moves time on in steps, until something has come about: what each sets off takes time of the machine's own clock. */
async function pass(clock: ManualClock, stepMs: number, what: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = () => isOver = true;
  what.then(over, over);
  while (!isOver) {
    await clock.advance(stepMs);
    const { promise: waited, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, WORK_MS);
    await Promise.race([what.catch(() => {}), waited]);
    clearTimeout(timer);
  }
  await what;
}
