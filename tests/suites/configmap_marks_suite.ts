/**
 * ConfigMaps whose marks someone else set, and those that are not sent, on any API server.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ManualClock } from "../fixtures/clock.ts";
import type { TestCluster } from "../fixtures/cluster.ts";
import { BUILD_ANNOTATIONS, REBUILT_DATA, SBOM_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { RecordingPublisher } from "../fixtures/recorders.ts";
import { sbom } from "../fixtures/sboms.ts";
import {
  DEFERRED,
  GIVEN_UP,
  isDeferred,
  isGone,
  isProcessed,
  MINUTE,
  NAME,
  PROCESSED,
  RETRIES,
  STATUS,
  STATUS_ERROR,
} from "./configmap_scene.ts";
import { type ClusterFactory, describeSuite } from "./harness.ts";

const TRACK_STATUS = "dependencytrack.insights.lagoon.sh/default-status";

/** A gzipped SBOM with other bytes in its middle. */
const DAMAGED = sbom({ components: 50 }).fill(0xff, 400, 500).toString("base64");

/** Registers the suite. */
export function configMapMarksSuite(factory: ClusterFactory): void {
  describeSuite(factory, (test) => {
    test("a ConfigMap marked by the Go remote is left alone", async ({ cluster, namespace, run }) => {
      const annotations = { ...BUILD_ANNOTATIONS, [PROCESSED]: "2026-11-23T09:34:33Z", [STATUS]: "success" };
      const before = await cluster.create("configmaps", namespace, sbomConfigMap({ annotations }));
      await using program = run();
      await cluster.create("configmaps", namespace, sbomConfigMap({ name: "later" }));
      await cluster.until("configmaps", namespace, "later", isProcessed);
      assert.equal(program.publisher.of(namespace).length, 1);
      const after = await cluster.get("configmaps", namespace, NAME);
      assert.equal(after?.metadata.resourceVersion, before.metadata.resourceVersion);
    });

    test("after someone else changed one of our marks, the next outcome still replaces all of them", async ({ cluster, namespace, run }) => {
      const clock = new ManualClock();
      const publisher = new RecordingPublisher();
      publisher.confirming = false;
      await using _program = run({ clock, publisher });
      await cluster.create("configmaps", namespace, sbomConfigMap());
      const deferred = await cluster.until("configmaps", namespace, NAME, isDeferred);
      assert.notEqual(deferred?.metadata.annotations?.[STATUS_ERROR], undefined);
      publisher.confirming = true;
      const now = String(clock.now() / 1000);
      await cluster.mark("configmaps", namespace, NAME, { labels: { [DEFERRED]: now } });
      const processed = await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(processed?.metadata.labels?.[DEFERRED], undefined);
      assert.equal(processed?.metadata.annotations?.[STATUS_ERROR], undefined);
    });

    test("a mark that someone else set and a write of ours kept is removed", async ({ cluster, namespace, run }) => {
      const deferred = { [DEFERRED]: "1700000000" };
      await cluster.create(
        "configmaps",
        namespace,
        sbomConfigMap({ labels: { ...SBOM_LABELS, ...deferred } }),
      );
      await applyMarks(cluster, namespace, { labels: deferred });
      await using _program = run();
      const processed = await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(processed?.metadata.labels?.[DEFERRED], undefined);
    });

    test("marks of a destination that is turned off stay until it is turned on again", async ({ cluster, namespace, run }) => {
      const publisher = new RecordingPublisher();
      publisher.confirming = false;
      await cluster.create("configmaps", namespace, sbomConfigMap({ labels: {} }));
      await applyMarks(cluster, namespace, { annotations: { [TRACK_STATUS]: "success" } });
      await using _program = run({ publisher });
      await cluster.mark("configmaps", namespace, NAME, { labels: { ...SBOM_LABELS } });
      const deferred = await cluster.until("configmaps", namespace, NAME, isDeferred);
      assert.equal(deferred?.metadata.annotations?.[TRACK_STATUS], "success");
    });

    test("it is given up after the configured number of retries", async ({ cluster, namespace, run }) => {
      const clock = new ManualClock();
      const publisher = new RecordingPublisher();
      publisher.confirming = false;
      await using _program = run({ clock, publisher, configMaps: { maxRetries: 1 } });
      await cluster.create("configmaps", namespace, sbomConfigMap());
      await cluster.until("configmaps", namespace, NAME, isDeferred);
      await clock.advance(5 * MINUTE);
      const object = await cluster.until("configmaps", namespace, NAME, (object) => !isDeferred(object));
      assert.equal(object?.metadata.labels?.[GIVEN_UP], "true");
      assert.equal(object?.metadata.annotations?.[RETRIES], "2");
      assert.equal(object?.metadata.annotations?.[STATUS], "failure");
    });

    const POISON = [
      ["without any data", { binaryData: {} }, /has no data/],
      ["whose type would stop the consumer", {
        labels: { ...SBOM_LABELS, "lagoon.sh/insightsType": "direct" },
      }, /must not be "direct"/],
      [
        "of an unknown type",
        { labels: { ...SBOM_LABELS, "insights.lagoon.sh/type": "poem" } },
        /type is unknown/,
      ],
      [
        "without a service",
        { labels: without(SBOM_LABELS, "lagoon.sh/service") },
        /does not name its service/,
      ],
      ["whose document is damaged", { binaryData: { "sbom.json.gz": DAMAGED } }, /is damaged/],
      // JSON writes each of these characters as six.
      [
        "that has 2.4 MB in JSON",
        { data: { sbom: "\u0001".repeat(400_000) } },
        /more than 2097152 bytes in JSON/,
      ],
    ] as const;
    for (const [what, parts, why] of POISON) {
      test(`a ConfigMap ${what} is refused with an Event, and sent once it is fixed`, async ({ cluster, namespace, run }) => {
        await using program = run({ configMaps: { burnAfterReading: true } });
        await cluster.create("configmaps", namespace, sbomConfigMap(parts));
        const refused = await cluster.until(
          "configmaps",
          namespace,
          NAME,
          (object) => object?.metadata.annotations?.[STATUS] === "failure",
        );
        assert.match(refused?.metadata.annotations?.[STATUS_ERROR] ?? "", why);
        await cluster.create(
          "configmaps",
          namespace,
          sbomConfigMap({ name: "other", binaryData: REBUILT_DATA }),
        );
        await cluster.until("configmaps", namespace, "other", isGone);
        assert.match(
          (await program.metrics.render()).text,
          /_configmaps_total\{outcome="refused",code="(?:insights|object)-[a-z-]+"\} 1$/m,
        );
        const events = await cluster.list("events", namespace);
        assert.deepEqual(
          events.map(({ type, reason, involvedObject }) => [type, reason, involvedObject?.name]),
          [
            ["Warning", "InsightsRefused", NAME],
          ],
        );
        assert.match(events[0]?.message ?? "", why);
        assert.deepEqual(program.publisher.of(namespace).map((body) => body.binaryPayload), [REBUILT_DATA]);
        await cluster.replace("configmaps", namespace, sbomConfigMap());
        await cluster.until("configmaps", namespace, NAME, isGone);
        assert.equal(program.publisher.of(namespace).length, 2);
      });
    }

    test("a ConfigMap annotated as not for core is left alone", async ({ cluster, namespace, run }) => {
      const annotations = { "core.insights.lagoon.sh/enabled": "false" };
      const before = await cluster.create("configmaps", namespace, sbomConfigMap({ annotations }));
      await using program = run({ configMaps: { burnAfterReading: true } });
      await cluster.create("configmaps", namespace, sbomConfigMap({ name: "other" }));
      await cluster.until("configmaps", namespace, "other", isGone);
      assert.equal(program.publisher.of(namespace).length, 1);
      const after = await cluster.get("configmaps", namespace, NAME);
      assert.equal(after?.metadata.resourceVersion, before.metadata.resourceVersion);
    });

    test("a ConfigMap that core has by the Go remote's status is marked and not sent again", async ({ cluster, namespace, run }) => {
      const annotations = { ...BUILD_ANNOTATIONS, [STATUS]: "success", [RETRIES]: "1" };
      const labels = { ...SBOM_LABELS, [DEFERRED]: "1700000000" };
      await cluster.create("configmaps", namespace, sbomConfigMap({ labels, annotations }));
      await using program = run();
      const processed = await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(program.publisher.of(namespace).length, 0);
      assert.equal(processed?.metadata.labels?.[DEFERRED], undefined);
    });
  });
}

/** Sets marks as an earlier run of the program did. */
async function applyMarks(cluster: TestCluster, namespace: string, marks: object): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/configmaps/${NAME}?fieldManager=insights-remote`;
  const metadata = { name: NAME, ...marks };
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata };
  await cluster.send("PATCH", path, { type: "application/apply-patch+yaml", body });
}

function without(labels: Readonly<Record<string, string>>, name: string): Record<string, string> {
  const { [name]: _left, ...rest } = labels;
  return rest;
}
