/**
 * SBOMs that the operator's Dependency-Track fails on or refuses, on any API server.
 *
 * @module
 */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { ManualClock } from "../fixtures/clock.ts";
import type { TestObject } from "../fixtures/cluster.ts";
import { DependencyTrack, type DependencyTrackFault } from "../fixtures/dependency_track.ts";
import { type ClusterFactory, describeSuite } from "./harness.ts";
import {
  BOM,
  bomsOf,
  CORE,
  DEFAULT,
  has,
  isProcessed,
  leafOf,
  NAME,
  pass,
  sbom,
  toDefault,
} from "./track_scene.ts";

/** With a root name that only one test searches for. */
const TEMPLATES = {
  root: "root-of-{{ .ServiceName }}",
  parent: "{{ .ServiceName }}",
  project: "project-of-{{ .ServiceName }}",
  version: "",
};

/** Registers the suite. */
export function trackFaultSuite(factory: ClusterFactory): void {
  describeSuite(factory, (test) => {
    const FAULTS: readonly (readonly [string, DependencyTrackFault | "dead", code: RegExp])[] = [
      ["answers 500", { status: 500 }, /answered 500/],
      ["answers 503", { status: 503 }, /answered 503/],
      ["answers what is no JSON", "no-json", /did not answer as Dependency-Track does/],
      ["cuts its answers off", "cut", /No answer from/],
      ["never answers", "silence", /No answer from/],
      ["answers without end", "endless", /more than/],
      ["is dead", "dead", /No answer from/],
    ];
    for (const [what, fault, error] of FAULTS) {
      test(`a Dependency-Track that ${what} delays nothing else, and gets the SBOM once it has recovered`, async ({ cluster, namespace, run }) => {
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
        // Only silence needs the request's timeout.
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
        // In small steps, so that the requests that the first one starts do not time out.
        await pass(clock, 500, cluster.until("configmaps", namespace, NAME, isProcessed));
        assert.equal(bomsOf(track, namespace), 1);
        assert.equal(program.publisher.of(namespace).length, 1);
      });
    }

    test("Retry-After is honoured, and the wait doubles with each failure", async ({ cluster, namespace, run }) => {
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

    test("the wait is an hour at most", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      track.fault = () => ({ status: 503 });
      const clock = new ManualClock();
      await using _program = run({ clock, track: toDefault(track) });
      await cluster.create(
        "configmaps",
        namespace,
        sbom(namespace, { annotations: { [`${DEFAULT}-retries`]: "30" } }),
      );
      const failed = await cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-retries`, "31"));
      assert.equal(
        failed?.metadata.annotations?.[`${DEFAULT}-retry-after`],
        String(Math.ceil(clock.now() / 1000) + 3600),
      );
    });

    for (
      const [moment, what, fault] of [
        ["is processed", "GET /api/v1/event/token/", undefined],
        ["fails", "POST /api/v1/bom", { status: 500 }],
      ] as const
    ) {
      test(`an SBOM that ${moment} while its ConfigMap changes is marked, and uploaded once`, async ({ cluster, namespace, run }) => {
        await using track = new DependencyTrack();
        track.fault = async (call) => {
          if (!call.startsWith(what)) return undefined;
          await cluster.mark("configmaps", namespace, NAME, { annotations: { note: "changed" } });
          return fault;
        };
        // Each upload starts with a search for its root.
        await using _program = run({ track: toDefault(track, { templates: TEMPLATES }) });
        await cluster.create("configmaps", namespace, sbom(namespace));
        const marked = await cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-status`));
        assert.equal(marked?.metadata.annotations?.["note"], "changed");
        assert.equal(marked?.metadata.annotations?.[`${DEFAULT}-retries`], fault ? "1" : "0");
        const searches = track.calls.filter(({ query }) => query.endsWith(`=root-of-${namespace}`));
        assert.equal(searches.length, 1);
      });
    }

    test("the failure of a build that is replaced meanwhile does not stop the rebuild", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      let isReplaced = false;
      track.fault = async (call) => {
        if (call !== "POST /api/v1/bom" || isReplaced) return undefined;
        isReplaced = true;
        const { metadata, ...rest } = sbom(namespace, {
          labels: { "lagoon.sh/buildName": "lagoon-build-2" },
        });
        await cluster.replace("configmaps", namespace, { ...rest, metadata: { name: NAME } });
        await cluster.mark("configmaps", namespace, NAME, metadata);
        await cluster.until("configmaps", namespace, NAME, has(CORE, "success"));
        return { status: 400 };
      };
      await using _program = run({ track: toDefault(track) });
      await cluster.create("configmaps", namespace, sbom(namespace));
      const marked = await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(marked?.metadata.annotations?.[`${DEFAULT}-retries`], "0");
      assert.equal(bomsOf(track, namespace), 1);
    });

    test("a refused SBOM is not sent again until its ConfigMap changes, and never burned", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      const options = {
        server: { endpoint: track.url, key: "another-key", caFile: "" },
        templates: TEMPLATES,
      };
      const callCount = () =>
        track.calls.filter(({ query }) => query.endsWith(`=root-of-${namespace}`)).length;
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
      // Changes arrive in order: the first one caused no request.
      assert.equal(callCount(), count);
      assert.equal(program.publisher.of(namespace).length, 1);
    });

    test("an SBOM that is not processed in time has failed", async ({ cluster, namespace, run }) => {
      await using track = new DependencyTrack();
      track.isBusy = true;
      await using _program = run({ track: toDefault(track, { processingTimeoutMs: 500 }) });
      await cluster.create("configmaps", namespace, sbom(namespace));
      const failed = await cluster.until("configmaps", namespace, NAME, has(`${DEFAULT}-status`, "failure"));
      assert.match(failed?.metadata.annotations?.[`${DEFAULT}-status-error`] ?? "", /in time/);
    });

    test("an SBOM that is broken or too large is refused before anything is uploaded", async ({ cluster, namespace, run }) => {
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

    test("after the configured retries Dependency-Track is given up, and core is not", async ({ cluster, namespace, run }) => {
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
  });
}
