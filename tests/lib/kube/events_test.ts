import assert from "node:assert/strict";
import type { ObjectPatch } from "../../../lib/kube/client.ts";
import { KubeError } from "../../../lib/kube/errors.ts";
import { createEventRecorder } from "../../../lib/kube/events.ts";
import { RESOURCES } from "../../../lib/kube/objects.ts";
import { ManualClock } from "../../fixtures/clock.ts";
import { MemoryLogger } from "../../fixtures/recorders.ts";

const object = { metadata: { name: "web", namespace: "main", uid: "u1", resourceVersion: "7" } };
const subject = { resource: RESOURCES.configMaps, object };
const { signal } = new AbortController();

const FORBIDDEN = new KubeError('events is forbidden: User "u" cannot create resource "events"', {
  status: 403,
});

function setUp(answer: () => Promise<typeof object> = () => Promise.resolve(object)) {
  const created: ObjectPatch[] = [];
  const log = new MemoryLogger();
  const client = {
    create: (_resource: unknown, _key: unknown, event: ObjectPatch) => {
      created.push(event);
      return answer();
    },
  };
  const clock = new ManualClock();
  return { clock, created, log, recorder: createEventRecorder({ client, clock, log }) };
}

Deno.test("an Event has its object, the reason and the note", async () => {
  const { created, recorder } = setUp();
  await recorder.warn(subject, "InsightsRefused", "Set the label", { signal });
  assert.deepEqual(created, [{
    metadata: { generateName: "web." },
    involvedObject: {
      apiVersion: "v1",
      kind: "ConfigMap",
      namespace: "main",
      name: "web",
      uid: "u1",
      resourceVersion: "7",
    },
    type: "Warning",
    reason: "InsightsRefused",
    message: "Set the label",
    source: { component: "insights-remote" },
    firstTimestamp: "2026-11-23T10:00:00Z",
    lastTimestamp: "2026-11-23T10:00:00Z",
    count: 1,
  }]);
});

Deno.test("a recorder logs once that Events are forbidden, and writes no more", async () => {
  const { created, log, recorder } = setUp(() => Promise.reject(FORBIDDEN));
  for (let i = 0; i < 3; i++) await recorder.warn(subject, "InsightsRefused", "x", { signal });
  assert.equal(created.length, 1);
  assert.equal(log.with("Events are forbidden: no more are written").length, 1);
});

Deno.test("a recorder continues after a temporary failure", async () => {
  const failures = [
    new KubeError("busy", { status: 500 }),
    new KubeError("leaving", { status: 403, causes: ["NamespaceTerminating"] }),
    // Of this namespace: its owner must not end the Events of all others.
    new KubeError("exceeded quota: events", { status: 403 }),
  ];
  for (const failure of failures) {
    const { created, log, recorder } = setUp(() => Promise.reject(failure));
    for (let i = 0; i < 2; i++) await recorder.warn(subject, "InsightsRefused", "x", { signal });
    assert.equal(created.length, 2);
    assert.equal(log.with("Event not written").length, 2);
  }
});

Deno.test("a note is cut to the API server's limit", async () => {
  const { created, recorder } = setUp();
  await recorder.warn(subject, "InsightsRefused", "x".repeat(2000), { signal });
  assert.equal(String(created[0]!["message"]).length, 1024);
});

Deno.test("Events are limited to a burst of 25, then one in 10 seconds", async () => {
  const { clock, created, recorder } = setUp();
  const warnOften = async () => {
    for (let i = 0; i < 40; i++) await recorder.warn(subject, "InsightsRefused", "x", { signal });
    return created.splice(0).length;
  };
  assert.equal(await warnOften(), 25);
  await clock.advance(9_999);
  assert.equal(await warnOften(), 0);
  await clock.advance(20_001);
  assert.equal(await warnOften(), 3);
  await clock.advance(3_600_000);
  assert.equal(await warnOften(), 25);
});

Deno.test("a namespace that has used up its Events leaves those of others", async () => {
  const { created, recorder } = setUp();
  for (let i = 0; i < 40; i++) await recorder.warn(subject, "InsightsRefused", "x", { signal });
  const other = { ...subject, object: { metadata: { ...object.metadata, namespace: "other" } } };
  await recorder.warn(other, "InsightsRefused", "x", { signal });
  assert.equal(created.length, 26);
});

Deno.test("several Events in flight that are forbidden are logged once", async () => {
  const { log, recorder } = setUp(() => Promise.reject(FORBIDDEN));
  await Promise.all([1, 2, 3].map(() => recorder.warn(subject, "InsightsRefused", "x", { signal })));
  assert.equal(log.lines.length, 1);
});
