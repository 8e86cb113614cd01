/**
 * The life of insights ConfigMaps, on any API server.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ManualClock } from "../fixtures/clock.ts";
import { assertAcceptable } from "../fixtures/handler_rules.ts";
import {
  BUILD_ANNOTATIONS,
  REBUILT_DATA,
  SBOM_DATA,
  SBOM_LABELS,
  sbomConfigMap,
} from "../fixtures/objects.ts";
import { OLD_METADATA, sbom } from "../fixtures/sboms.ts";
import { RecordingPublisher } from "../fixtures/recorders.ts";
import {
  DEFERRED,
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

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** Registers the suite. */
export function configMapSuite(factory: ClusterFactory): void {
  describeSuite(factory, (test) => {
    test("a build's ConfigMap is sent once it is labelled, and marked processed", async ({ cluster, namespace, run }) => {
      await using program = run();
      await cluster.create("configmaps", namespace, sbomConfigMap({ labels: {}, annotations: {} }));
      await cluster.mark("configmaps", namespace, NAME, { annotations: { ...BUILD_ANNOTATIONS } });
      await cluster.mark("configmaps", namespace, NAME, { labels: { ...SBOM_LABELS } });
      const marked = await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.deepEqual(program.publisher.of(namespace), [{
        payload: null,
        binaryPayload: SBOM_DATA,
        annotations: BUILD_ANNOTATIONS,
        labels: SBOM_LABELS,
        namespace,
        environment: "main",
        service: "nginx",
        project: "proj",
        type: "sbom",
      }]);
      assert.deepEqual(marked?.metadata.labels, { ...SBOM_LABELS, [PROCESSED]: "true" });
      const { [PROCESSED]: time, ...annotations } = marked?.metadata.annotations ?? {};
      assert.match(time ?? "", RFC_3339);
      assert.deepEqual(annotations, { ...BUILD_ANNOTATIONS, [STATUS]: "success", [RETRIES]: "0" });
      assert.deepEqual(marked?.binaryData, SBOM_DATA);
    });

    test("ConfigMaps from before the start are sent, and marked ones are not sent again after a restart", async ({ cluster, namespace, run }) => {
      const publisher = new RecordingPublisher();
      for (const name of ["a", "b", "c"]) {
        await cluster.create("configmaps", namespace, sbomConfigMap({ name }));
      }
      {
        await using _program = run({ publisher });
        for (const name of ["a", "b", "c"]) await cluster.until("configmaps", namespace, name, isProcessed);
      }
      assert.equal(publisher.of(namespace).length, 3);
      await using _program = run({ publisher });
      await cluster.create("configmaps", namespace, sbomConfigMap({ name: "d" }));
      await cluster.until("configmaps", namespace, "d", isProcessed);
      assert.equal(publisher.of(namespace).length, 4);
    });

    test("a ConfigMap that claims to be another environment's speaks for its own, and an Event says so", async ({ cluster, namespace: victim, bareNamespace, run }) => {
      const names = { "lagoon.sh/project": "evil", "lagoon.sh/environment": "dev" };
      const evil = await bareNamespace(names);
      const binaryData = REBUILT_DATA;
      await using program = run();
      // A branch replaces the environment in Lagoon core.
      await cluster.create("configmaps", evil, sbomConfigMap({ binaryData }));
      await cluster.create("configmaps", victim, sbomConfigMap());
      await cluster.until("configmaps", evil, NAME, isProcessed);
      await cluster.until("configmaps", victim, NAME, isProcessed);
      for (const { body } of program.publisher.messages) assertAcceptable(body);
      const [message] = program.publisher.of(evil);
      assert.deepEqual(message?.labels, { ...SBOM_LABELS, ...names });
      const { "lagoon.sh/branch": _branch, ...annotations } = BUILD_ANNOTATIONS;
      assert.deepEqual(message?.annotations, annotations);
      const events = await cluster.list("events", evil);
      assert.deepEqual(events.map(({ reason, involvedObject }) => [reason, involvedObject?.name]), [
        ["InsightsWarning", NAME],
      ]);
      assert.match(
        events[0]?.message ?? "",
        /lagoon\.sh\/project .*lagoon\.sh\/environment .*lagoon\.sh\/branch was not sent/,
      );
      const metrics = (await program.metrics.render()).text;
      assert.match(metrics, /_configmap_findings_total\{kind="warning",code="label-replaced"\} 2$/m);
      assert.match(metrics, /_configmap_findings_total\{kind="warning",code="branch-left-out"\} 1$/m);
      const [innocent] = program.publisher.of(victim);
      assert.deepEqual([innocent?.labels, innocent?.annotations], [SBOM_LABELS, BUILD_ANNOTATIONS]);
      assert.deepEqual(innocent?.binaryPayload, SBOM_DATA);
      assert.deepEqual(await cluster.list("events", victim), []);
    });

    test("a ConfigMap with text under data, and without names of project and environment, reaches Lagoon core", async ({ cluster, namespace, run }) => {
      await using program = run();
      const labels = { "lagoon.sh/insightsType": "sbom-gz", "lagoon.sh/service": "cli" };
      await cluster.create("configmaps", namespace, sbomConfigMap({ labels, data: { "sbom.json": "{}" } }));
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assertAcceptable(program.publisher.messages[0]!.body);
      const [message] = program.publisher.of(namespace);
      assert.equal(message?.payload, null);
      assert.deepEqual(Object.keys(message?.binaryPayload as object), ["sbom.json"]);
      assert.deepEqual(message?.labels, {
        ...labels,
        "lagoon.sh/project": "proj",
        "lagoon.sh/environment": "main",
      });
    });

    test("a document that would end Lagoon core's consumer is repaired in the message only", async ({ cluster, namespace, run }) => {
      await using program = run();
      const binaryData = { "sbom.json.gz": sbom({ metadata: OLD_METADATA }).toString("base64") };
      await cluster.create("configmaps", namespace, sbomConfigMap({ binaryData }));
      const marked = await cluster.until("configmaps", namespace, NAME, isProcessed);
      assertAcceptable(program.publisher.messages[0]!.body);
      assert.notDeepEqual(program.publisher.of(namespace)[0]?.binaryPayload, binaryData);
      assert.deepEqual(marked?.binaryData, binaryData);
      assert.deepEqual(await cluster.list("events", namespace), []);
      const metrics = (await program.metrics.render()).text;
      assert.match(metrics, /_configmap_findings_total\{kind="repair",code="tools"\} 1$/m);
    });

    test("documents that Lagoon core can't read, and several at once, are sent, and one Event says so", async ({ cluster, namespace, run }) => {
      await using program = run();
      const binaryData = { ...SBOM_DATA, "other.gz": btoa("neither") };
      await cluster.create("configmaps", namespace, sbomConfigMap({ binaryData, data: { README: "x" } }));
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assertAcceptable(program.publisher.messages[0]!.body);
      assert.deepEqual(program.publisher.of(namespace)[0]?.binaryPayload, binaryData);
      const events = await cluster.list("events", namespace);
      assert.deepEqual(events.map(({ type, reason }) => [type, reason]), [["Warning", "InsightsWarning"]]);
      assert.match(
        events[0]?.message ?? "",
        /under data was not sent.*reads only one of the documents.*can't read the document "other.gz"/,
      );
    });

    test("without a confirm it is deferred for five minutes, and sent again at that time", async ({ cluster, namespace, run }) => {
      const clock = new ManualClock();
      const publisher = new RecordingPublisher();
      publisher.confirming = false;
      await using _program = run({ clock, publisher });
      await cluster.create("configmaps", namespace, sbomConfigMap());
      const deferred = await cluster.until("configmaps", namespace, NAME, isDeferred);
      assert.equal(deferred?.metadata.labels?.[DEFERRED], String((clock.now() + 5 * MINUTE) / 1000));
      assert.equal(deferred?.metadata.annotations?.[STATUS], "failure");
      assert.match(deferred?.metadata.annotations?.[STATUS_ERROR] ?? "", /no confirm came/);
      assert.equal(deferred?.metadata.annotations?.[RETRIES], "1");
      publisher.confirming = true;
      await clock.advance(5 * MINUTE - 1);
      assert.equal(publisher.of(namespace).length, 0);
      await clock.advance(1);
      const processed = await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(publisher.of(namespace).length, 1);
      assert.equal(processed?.metadata.labels?.[DEFERRED], undefined);
      assert.equal(processed?.metadata.annotations?.[STATUS], "success");
      assert.equal(processed?.metadata.annotations?.[STATUS_ERROR], undefined);
      assert.equal(processed?.metadata.annotations?.[RETRIES], "1");
    });

    test("without a broker it is deferred, nothing is sent, and the failures are counted", async ({ cluster, namespace, run }) => {
      const clock = new ManualClock();
      const publisher = new RecordingPublisher();
      publisher.ready = false;
      await using _program = run({ clock, publisher });
      await cluster.create("configmaps", namespace, sbomConfigMap());
      const first = await cluster.until("configmaps", namespace, NAME, isDeferred);
      const until = first?.metadata.labels?.[DEFERRED];
      await clock.advance(5 * MINUTE);
      const second = await cluster.until(
        "configmaps",
        namespace,
        NAME,
        (object) => isDeferred(object) && object?.metadata.labels?.[DEFERRED] !== until,
      );
      assert.equal(second?.metadata.annotations?.[RETRIES], "2");
      assert.equal(second?.metadata.annotations?.[STATUS_ERROR], "the broker is not connected");
    });

    test("a deferred ConfigMap is sent after a restart", async ({ cluster, namespace, run }) => {
      const clock = new ManualClock();
      const labels = { ...SBOM_LABELS, [DEFERRED]: String(clock.now() / 1000 + 60) };
      await cluster.create("configmaps", namespace, sbomConfigMap({ labels }));
      await cluster.create("configmaps", namespace, sbomConfigMap({ name: "other" }));
      await using program = run({ clock });
      await cluster.until("configmaps", namespace, "other", isProcessed);
      await clock.advance(MINUTE - 1);
      assert.equal(program.publisher.of(namespace).length, 1);
      await clock.advance(1);
      const processed = await cluster.until("configmaps", namespace, NAME, isProcessed);
      // A label of another field manager, which server-side apply alone leaves in place.
      assert.equal(processed?.metadata.labels?.[DEFERRED], undefined);
      const message = program.publisher.of(namespace)[1];
      assert.deepEqual(message?.labels, SBOM_LABELS);
    });

    test("a deferral too far in the future counts as over", async ({ cluster, namespace, run }) => {
      const labels = { ...SBOM_LABELS, [DEFERRED]: String(Math.ceil(Date.now() / 1000) + 30 * 24 * 3600) };
      await cluster.create("configmaps", namespace, sbomConfigMap({ labels }));
      await using program = run();
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(program.publisher.of(namespace).length, 1);
    });

    test("a rebuild, which removes our marks, is sent", async ({ cluster, namespace, run }) => {
      await using program = run();
      await cluster.create("configmaps", namespace, sbomConfigMap());
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      const rebuilt = sbomConfigMap({ labels: {}, annotations: {}, binaryData: REBUILT_DATA });
      await cluster.replace("configmaps", namespace, rebuilt);
      await cluster.mark("configmaps", namespace, NAME, { annotations: { ...BUILD_ANNOTATIONS } });
      await cluster.mark("configmaps", namespace, NAME, { labels: { ...SBOM_LABELS } });
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.deepEqual(program.publisher.of(namespace).map((body) => body.binaryPayload), [
        SBOM_DATA,
        REBUILT_DATA,
      ]);
    });

    test("a rebuild with the same content is sent", async ({ cluster, namespace, run }) => {
      await using program = run();
      await cluster.create("configmaps", namespace, sbomConfigMap());
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      await cluster.replace("configmaps", namespace, sbomConfigMap());
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(program.publisher.of(namespace).length, 2);
    });

    test("a ConfigMap that is deferred while it is queued waits for its time", async ({ cluster, namespace, run }) => {
      const publisher = new RecordingPublisher();
      const release = Promise.withResolvers<void>();
      const busy = Promise.withResolvers<void>();
      let sending = 0;
      publisher.beforeConfirm = () => {
        if (++sending === 2) busy.resolve();
        return release.promise;
      };
      await cluster.create("configmaps", namespace, sbomConfigMap({ name: "first" }));
      await cluster.create("configmaps", namespace, sbomConfigMap({ name: "second" }));
      await using _program = run({ publisher });
      await busy.promise;
      const inAnHour = String(Math.ceil(Date.now() / 1000) + 3600);
      // Both workers are busy, so the third one stays queued.
      await cluster.create("configmaps", namespace, sbomConfigMap({ name: "third" }));
      await cluster.mark("configmaps", namespace, "third", { labels: { [DEFERRED]: inAnHour } });
      release.resolve();
      await cluster.create("configmaps", namespace, sbomConfigMap({ name: "fourth" }));
      await cluster.until("configmaps", namespace, "fourth", isProcessed);
      assert.equal(publisher.of(namespace).length, 3);
      assert.ok(!isProcessed(await cluster.get("configmaps", namespace, "third")));
    });

    test("a rebuild that arrives while the old data is being sent is sent as well", async ({ cluster, namespace, run }) => {
      const publisher = new RecordingPublisher();
      publisher.beforeConfirm = async () => {
        publisher.beforeConfirm = () => {};
        await cluster.replace("configmaps", namespace, sbomConfigMap({ binaryData: REBUILT_DATA }));
      };
      await using _program = run({ publisher });
      await cluster.create("configmaps", namespace, sbomConfigMap());
      const processed = await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.deepEqual(publisher.of(namespace).map((body) => body.binaryPayload), [SBOM_DATA, REBUILT_DATA]);
      assert.deepEqual(processed?.binaryData, REBUILT_DATA);
    });

    test("an annotation that arrives while it is being sent does not send it twice", async ({ cluster, namespace, run }) => {
      const publisher = new RecordingPublisher();
      publisher.beforeConfirm = async () => {
        publisher.beforeConfirm = () => {};
        await cluster.mark("configmaps", namespace, NAME, { annotations: { note: "x" } });
      };
      await using _program = run({ publisher });
      await cluster.create("configmaps", namespace, sbomConfigMap());
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      assert.equal(publisher.of(namespace).length, 1);
    });

    test("a ConfigMap deleted while it is being sent is not created again", async ({ cluster, namespace, run }) => {
      const publisher = new RecordingPublisher();
      publisher.beforeConfirm = async ({ body }) => {
        if (new TextDecoder().decode(body).includes(SBOM_DATA["nginx.cyclonedx.json.gz"]!)) {
          await cluster.delete("configmaps", namespace, NAME);
        }
      };
      await using _program = run({ publisher });
      await cluster.create("configmaps", namespace, sbomConfigMap());
      await publisher.untilCount(namespace, 1);
      await cluster.create(
        "configmaps",
        namespace,
        sbomConfigMap({ name: "next", binaryData: REBUILT_DATA }),
      );
      await cluster.until("configmaps", namespace, "next", isProcessed);
      assert.equal(await cluster.get("configmaps", namespace, NAME), undefined);
    });

    test("with burn after reading it is deleted after the confirm", async ({ cluster, namespace, run }) => {
      const publisher = new RecordingPublisher();
      publisher.beforeConfirm = async () => {
        assert.ok(await cluster.get("configmaps", namespace, NAME), "deleted before the confirm");
      };
      await using _program = run({ publisher, configMaps: { burnAfterReading: true } });
      await cluster.create("configmaps", namespace, sbomConfigMap());
      await publisher.untilCount(namespace, 1);
      await cluster.until("configmaps", namespace, NAME, isGone);
    });

    test("with burn after reading, ConfigMaps marked by an earlier run or the Go remote are deleted unsent", async ({ cluster, namespace, run }) => {
      const labels = { ...SBOM_LABELS, [PROCESSED]: "true" };
      await cluster.create("configmaps", namespace, sbomConfigMap({ name: "ours", labels }));
      const annotations = { ...BUILD_ANNOTATIONS, [PROCESSED]: "2026-11-23T09:34:33Z" };
      await cluster.create("configmaps", namespace, sbomConfigMap({ name: "theirs", annotations }));
      await using program = run({ configMaps: { burnAfterReading: true } });
      await cluster.until("configmaps", namespace, "ours", isGone);
      await cluster.until("configmaps", namespace, "theirs", isGone);
      assert.equal(program.publisher.of(namespace).length, 0);
    });

    test("burn after reading never deletes a rebuild that has not been sent", async ({ cluster, namespace, run }) => {
      const publisher = new RecordingPublisher();
      publisher.beforeConfirm = async () => {
        publisher.beforeConfirm = () => {};
        await cluster.replace("configmaps", namespace, sbomConfigMap({ binaryData: REBUILT_DATA }));
      };
      await using _program = run({ publisher, configMaps: { burnAfterReading: true } });
      await cluster.create("configmaps", namespace, sbomConfigMap());
      await cluster.until("configmaps", namespace, NAME, isGone);
      assert.deepEqual(publisher.of(namespace).map((body) => body.binaryPayload), [SBOM_DATA, REBUILT_DATA]);
    });

    test("in a namespace without Lagoon's labels it is deferred until the labels exist", async ({ cluster, bareNamespace, run }) => {
      const namespace = await bareNamespace();
      const clock = new ManualClock();
      await using program = run({ clock });
      await cluster.create("configmaps", namespace, sbomConfigMap());
      await cluster.until("configmaps", namespace, NAME, isDeferred);
      await cluster.mark("namespaces", "", namespace, {
        labels: { "lagoon.sh/project": "other", "lagoon.sh/environment": "dev" },
      });
      await clock.advance(5 * MINUTE);
      await cluster.until("configmaps", namespace, NAME, isProcessed);
      const [message] = program.publisher.of(namespace);
      assert.deepEqual([message?.project, message?.environment], ["other", "dev"]);
    });
  });
}
