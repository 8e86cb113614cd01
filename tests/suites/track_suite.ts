/**
 * SBOMs for the operator's Dependency-Track, and ConfigMaps with several destinations, on any API server.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { turn } from "../fixtures/clock.ts";
import type { TestObject } from "../fixtures/cluster.ts";
import { DependencyTrack } from "../fixtures/dependency_track.ts";
import { LAGOON_NAMESPACE_LABELS } from "../fixtures/objects.ts";
import { until } from "../fixtures/until.ts";
import { type ClusterFactory, describeSuite } from "./harness.ts";
import {
  BOM,
  bomsOf,
  CORE,
  DEFAULT,
  DEVELOPMENT,
  has,
  isProcessed,
  leafOf,
  NAME,
  sbom,
  toDefault,
} from "./track_scene.ts";

/** Registers the suite. */
export function trackSuite(factory: ClusterFactory): void {
  describeSuite(factory, (test) => {
    test("an SBOM goes to core and, below root and parent, to Dependency-Track, and is processed when both have it", async ({ cluster, namespace, run }) => {
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

    test("an SBOM of a namespace that is not production goes only to core, even if its ConfigMap says production", async ({ cluster, bareNamespace, run }) => {
      await using track = new DependencyTrack();
      await using program = run({ track: toDefault(track) });
      const namespace = await bareNamespace(DEVELOPMENT);
      const labels = { "lagoon.sh/environmentType": "production" };
      await cluster.create("configmaps", namespace, sbom(namespace, { labels }));
      const marked = await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(marked?.metadata.annotations?.[`${DEFAULT}-status`], "skipped");
      assert.equal(program.publisher.of(namespace).length, 1);
      assert.equal(leafOf(track, namespace), undefined);
    });

    test("a ConfigMap in a namespace without Lagoon's labels does not write to the project that its own labels name", async ({ cluster, bareNamespace, run }) => {
      await using track = new DependencyTrack();
      await using _program = run({ track: toDefault(track, { prodOnly: false }) });
      const namespace = await bareNamespace();
      const labels = { "lagoon.sh/project": "victim", "lagoon.sh/environment": "prod" };
      await cluster.create("configmaps", namespace, sbom(namespace, { labels }));
      const failed = await cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-status`));
      assert.match(
        failed?.metadata.annotations?.[`${DEFAULT}-status-error`] ?? "",
        /needs the label lagoon\.sh\/project of its namespace/,
      );
      // Other projects are those of earlier tests' namespaces.
      assert.deepEqual(track.projects.filter(({ name }) => name.startsWith("victim")), []);
    });

    test("an image inspection goes only to core", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      await using program = run({ track: toDefault(track) });
      const labels = { "lagoon.sh/insightsType": "image-gz", "insights.lagoon.sh/type": "inspect" };
      await cluster.create("configmaps", namespace, sbom(namespace, { labels }));
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(program.publisher.of(namespace).length, 1);
      assert.equal(leafOf(track, namespace), undefined);
    });

    for (
      const [what, elsewhere] of [["leaf", { version: "unset" }], ["parent", {}]] as const
    ) {
      test(`a ${what} of the same name below another parent is not written to; an Event says so, and the SBOM follows once it is gone`, async ({ cluster, namespace, run }) => {
        await using track = new DependencyTrack();
        const templates = {
          root: "",
          parent: "parent-{{ .ServiceName }}",
          project: "{{ .ServiceName }}",
          version: "unset",
        };
        const other = track.add({ name: "other" });
        const name = what === "leaf" ? namespace : `parent-${namespace}`;
        const theirs = track.add({ name, parent: other.uuid, ...elsewhere });
        await using program = run({
          track: toDefault(track, { templates }),
          configMaps: { retryDelayMs: 1_000 },
        });
        await cluster.create("configmaps", namespace, sbom(namespace));
        const failed = await cluster.until(
          "configmaps",
          namespace,
          NAME,
          has(`${DEFAULT}-status`, "failure"),
        );
        const error = failed?.metadata.annotations?.[`${DEFAULT}-status-error`] ?? "";
        assert.ok(error.includes(`Project "${name}" exists below another parent`), error);
        await until("there is an Event", async () => (await cluster.list("events", namespace)).length > 0);
        const [event] = await cluster.list("events", namespace) as (TestObject & { message?: string })[];
        assert.equal(event?.message, error);
        assert.ok(program.log.with("ConfigMap deferred").some(({ fields }) => fields.error === error));
        const kept = track.projects.findIndex(({ uuid }) => uuid === theirs.uuid);
        assert.deepEqual(track.projects.splice(kept, 1), [theirs]);
        await cluster.until("configmaps", namespace, NAME, isProcessed);
        const leaf = track.projects.find((project) => project.name === namespace)!;
        assert.deepEqual(track.pathOf(leaf), [`parent-${namespace}`, namespace]);
      });
    }

    test("two environments whose SBOMs have one name never write to one project, and the second follows once the first is gone", async ({ cluster, bareNamespace, run }) => {
      await using track = new DependencyTrack();
      await using _program = run({ track: toDefault(track), configMaps: { retryDelayMs: 1_000 } });
      const id = crypto.randomUUID();
      const environments = [[`evil-${id}`, "shop", "main-nginx"], [
        `evil-${id}-shop`,
        "main",
        "nginx",
      ]] as const;
      const namespaces: string[] = [];
      for (const [project, environment] of environments) {
        const labels = { "lagoon.sh/project": project, "lagoon.sh/environment": environment };
        namespaces.push(await bareNamespace({ ...LAGOON_NAMESPACE_LABELS, ...labels }));
      }
      await Promise.all(
        environments.map(([_project, _environment, service], index) =>
          cluster.create(
            "configmaps",
            namespaces[index]!,
            sbom("", { labels: { "lagoon.sh/service": service } }),
          )
        ),
      );
      const statuses = await Promise.all(namespaces.map(async (namespace) => {
        const object = await cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-status`));
        return object?.metadata.annotations?.[`${DEFAULT}-status`];
      }));
      assert.deepEqual([...statuses].sort(), ["failure", "success"]);
      const name = `evil-${id}-shop-main-nginx`;
      const leaf = track.projects.find((project) => project.name === name)!;
      const first = environments[statuses.indexOf("success")]!;
      assert.equal(track.pathOf(leaf)[0], first[0]);
      assert.equal(leaf.boms.length, 1);
      track.projects.length = 0;
      const second = statuses.indexOf("failure");
      await cluster.until("configmaps", namespaces[second]!, NAME, isProcessed);
      const next = track.projects.find((project) => project.name === name)!;
      assert.deepEqual([track.pathOf(next)[0], next.boms.length], [environments[second]![0], 1]);
    });

    test("a project of the same name with a version is not used as a parent", async ({ cluster, namespace, run }) => {
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

    test("an unavailable core does not delay Dependency-Track", async ({ cluster, namespace, run }) => {
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

    test("uploads to one project never overlap, and others don't wait for a slow one", async ({ cluster, namespace, run }) => {
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

    test("uploads at the same time are limited by the bytes of their ConfigMaps", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      let [current, most] = [0, 0];
      track.fault = async (what) => {
        if (what !== "POST /api/v1/bom") return undefined;
        most = Math.max(most, ++current);
        // Time for others to start.
        for (let turns = 0; turns < 20; turns++) await turn();
        current--;
        return undefined;
      };
      const configMaps = { maxBytesInFlight: 1_500_000 };
      await using _program = run({ track: toDefault(track, { maxConcurrent: 4 }), configMaps });
      const names = ["one", "two", "three", "four"];
      for (const name of names) {
        const labels = { "lagoon.sh/service": `${namespace}-${name}` };
        await cluster.create("configmaps", namespace, sbom(namespace, { name, labels }));
      }
      for (const name of names) await cluster.until("configmaps", namespace, name, isProcessed);
      assert.equal(most, 1);
    });

    test("a rebuild during the processing of the old SBOM is uploaded after it", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      track.isBusy = true;
      await using program = run({ track: toDefault(track) });
      await cluster.create("configmaps", namespace, sbom(namespace));
      await until("the first one is uploaded", () => bomsOf(track, namespace) === 1);
      // Nothing orders core and Dependency-Track: without this wait, core might only get the rebuild.
      await program.publisher.untilCount(namespace, 1);
      const labels = { "lagoon.sh/buildName": "lagoon-build-2" };
      const { metadata, ...rebuilt } = sbom(namespace, { labels, text: `${BOM}\n` });
      // Like a build: first without labels.
      await cluster.replace("configmaps", namespace, { ...rebuilt, metadata: { name: NAME } });
      await cluster.mark("configmaps", namespace, NAME, metadata);
      await program.publisher.untilCount(namespace, 2);
      const pollCount = () => track.calls.filter(({ what }) => what.includes("/event/token/")).length;
      const before = pollCount();
      await until("the first one is polled again", () => pollCount() >= before + 2);
      assert.deepEqual([bomsOf(track, namespace), track.collisions], [1, 0]);
      track.isBusy = false;
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.deepEqual([bomsOf(track, namespace), track.collisions], [2, 0]);
      assert.equal(leafOf(track, namespace)?.boms.at(-1)?.bytes, BOM.length + 1);
    });

    test("a ConfigMap that is deleted during the processing of its SBOM does not block its project", async ({ cluster, namespace, run }) => {
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

    test("after a restart only what Dependency-Track lacks is sent", async ({ cluster, namespace, run }) => {
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
  });
}
