import assert from "node:assert/strict";
import { KubeError } from "../../../lib/kube/errors.ts";
import { formatKey, keyOf, type PartialObject, RESOURCES } from "../../../lib/kube/objects.ts";
import { createReflector } from "../../../lib/kube/reflector.ts";
import type { WatchEvent } from "../../../lib/kube/watch_stream.ts";
import { delay } from "../../../lib/clock.ts";
import { ManualClock } from "../../fixtures/clock.ts";
import { until } from "../../fixtures/until.ts";
import { MemoryLogger } from "../../fixtures/recorders.ts";

function object(name: string, resourceVersion = "1"): PartialObject {
  return { metadata: { name, namespace: "main", uid: name, resourceVersion } };
}

function event(type: WatchEvent["type"], name: string, resourceVersion: string): WatchEvent {
  return { type, object: object(name, resourceVersion) };
}

/** The API server's answers, one per request. The last watch never ends by itself. */
type Script = readonly (
  | { list: readonly string[]; tooLarge?: string; resourceVersion?: string; next?: string }
  | { watch: readonly WatchEvent[]; tooLarge?: string; lastsMs?: number; then?: Error | "silence" }
  | { fail: Error }
)[];

/** Runs a reflector through a script; `story` lists its requests and the handler's calls. */
async function play(script: Script, advances: readonly number[] = []) {
  const story: string[] = [];
  const clock = new ManualClock();
  const log = new MemoryLogger();
  const controller = new AbortController();
  const steps = [...script];
  const finished = Promise.withResolvers<void>();

  function next() {
    const step = steps.shift();
    if (steps.length === 0) queueMicrotask(finished.resolve);
    return step;
  }

  const reflector = createReflector({
    client: {
      list: (_resource, { continueToken, onObject, onTooLarge }) => {
        story.push(`list${continueToken ? ` ${continueToken}` : ""}`);
        const step = next();
        if (step && "fail" in step) return Promise.reject(step.fail);
        assert.ok(step && "list" in step, "the script has no list here");
        for (const name of step.list) onObject(object(name));
        if (step.tooLarge) onTooLarge({ namespace: "main", name: step.tooLarge });
        return Promise.resolve({ resourceVersion: step.resourceVersion ?? "10", continueToken: step.next });
      },
      watch: async function* (_resource, { resourceVersion, onTooLarge, signal }) {
        story.push(`watch ${resourceVersion}`);
        const step = next();
        if (step && "fail" in step) throw step.fail;
        assert.ok(step && "watch" in step, "the script has no watch here");
        if (step.tooLarge) onTooLarge({ namespace: "main", name: step.tooLarge });
        yield* step.watch;
        if (step.lastsMs !== undefined) await delay(clock, step.lastsMs, signal);
        if (step.then instanceof Error) throw step.then;
        if (step.then !== "silence") return;
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    },
    resource: RESOURCES.configMaps,
    labelSelector: "x",
    handler: {
      onObject: (seen) => story.push(`+${formatKey(keyOf(seen))}`),
      onGone: (key) => story.push(`-${formatKey(key)}`),
    },
    clock,
    random: () => 0,
    log,
  });
  const running = reflector.run({ signal: controller.signal });
  const silences: (number | undefined)[] = [];
  for (const milliseconds of advances) {
    await until("the reflector pauses", () => clock.pending > 0);
    await clock.advance(milliseconds);
    silences.push(reflector.silenceMs());
  }
  await finished.promise;
  await clock.advance(0);
  silences.push(reflector.silenceMs());
  const synced = reflector.isSynced();
  controller.abort();
  await running;
  return { story, log, synced, silences, timers: clock.pending };
}

const gone = new KubeError("too old", { status: 410 });
const broken = new KubeError("connection reset", { status: 0 });
const silence = { watch: [], then: "silence" } as const;

Deno.test("a reflector lists all pages, watches from there, and passes on changes", async () => {
  const { story, log, synced, timers } = await play([
    { list: ["a", "b"], next: "page2" },
    { list: ["c"], resourceVersion: "12" },
    {
      watch: [event("MODIFIED", "a", "13"), event("ADDED", "d", "14"), event("DELETED", "b", "15")],
      then: "silence",
    },
  ]);
  assert.deepEqual(story, [
    "list",
    "+main/a",
    "+main/b",
    "list page2",
    "+main/c",
    "watch 12",
    "+main/a",
    "+main/d",
    "-main/b",
  ]);
  assert.equal(synced, true);
  assert.equal(timers, 0);
  assert.deepEqual(log.with("Listed").map(({ fields }) => fields), [{
    resource: "configmaps",
    objects: 3,
    milliseconds: 0,
  }]);
});

Deno.test("a reflector resumes a broken watch from its last event or bookmark, without a new list", async () => {
  const { story } = await play([
    { list: ["a"] },
    { watch: [event("MODIFIED", "a", "11"), event("BOOKMARK", "", "20")], then: broken },
    silence,
  ], [1000]);
  assert.deepEqual(story, ["list", "+main/a", "watch 10", "+main/a", "watch 20"]);
});

Deno.test("a reflector lists again when its version has expired, by status or by event, and reports what has gone", async () => {
  for (const then of [{ watch: [], then: gone }, { fail: gone }]) {
    const { story } = await play([
      { list: ["a", "b"] },
      then,
      { list: ["b"], resourceVersion: "30" },
      silence,
    ], [1000]);
    assert.deepEqual(story, [
      "list",
      "+main/a",
      "+main/b",
      "watch 10",
      "list",
      "+main/b",
      "-main/a",
      "watch 30",
    ]);
  }
});

Deno.test("a reflector restarts its list when a page's token has expired", async () => {
  const { story } = await play([
    { list: ["a"], next: "page2" },
    { fail: gone },
    { list: ["a", "b"] },
    silence,
  ], [1000]);
  assert.deepEqual(story, ["list", "+main/a", "list page2", "list", "+main/a", "+main/b", "watch 10"]);
});

Deno.test("a reflector reports an object that went between a list that failed and the next one", async () => {
  const { story } = await play([
    { list: ["a"], next: "page2" },
    { fail: broken },
    { list: ["b"] },
    silence,
  ], [1000]);
  assert.deepEqual(story, ["list", "+main/a", "list page2", "list", "+main/b", "-main/a", "watch 10"]);
});

Deno.test("a reflector honours Retry-After, and backs off after failures", async () => {
  const busy = new KubeError("busy", { status: 429, retryAfterMs: 7000 });
  const { log } = await play([{ fail: broken }, { fail: broken }, { fail: busy }, { list: [] }, silence], [
    1000,
    2000,
    7000,
  ]);
  assert.deepEqual(log.with("Watch interrupted").map(({ fields }) => fields.retryMs), [1000, 2000, 7000]);
});

Deno.test("a reflector backs off when the server ends each watch at once", async () => {
  const { story } = await play([{ list: [] }, { watch: [] }, { watch: [] }, silence], [999, 1, 1999, 1]);
  assert.deepEqual(story, ["list", "watch 10", "watch 10", "watch 10"]);
});

Deno.test("a reflector lists again after an hour without a failure, and reports what the watches missed", async () => {
  const MINUTE = 60_000;
  const { story } = await play([
    { list: ["a", "b"] },
    { watch: [], lastsMs: 59 * MINUTE },
    { watch: [event("MODIFIED", "a", "11")], lastsMs: MINUTE },
    { list: ["a", "c"], resourceVersion: "20" },
    { watch: [], lastsMs: 59 * MINUTE },
    { watch: [], lastsMs: MINUTE },
    { list: ["a", "c"] },
    silence,
  ], [59 * MINUTE, MINUTE, 59 * MINUTE, MINUTE]);
  assert.deepEqual(story, [
    ...["list", "+main/a", "+main/b", "watch 10", "watch 10", "+main/a"],
    ...["list", "+main/a", "+main/c", "-main/b", "watch 20", "watch 20"],
    ...["list", "+main/a", "+main/c", "watch 10"],
  ]);
});

for (const status of [400, 500, 504]) {
  Deno.test(`a reflector lists again within a minute of watches from one version that fail with ${status}`, async () => {
    const refused = { fail: new KubeError("Too large resource version", { status }) };
    const { story } = await play([
      { list: ["a"], resourceVersion: "10" },
      refused,
      refused,
      refused,
      { list: ["a"], resourceVersion: "5" },
      { watch: [], then: "silence" },
    ], [60_000]);
    assert.deepEqual(story.filter((step) => !step.startsWith("+")), [
      "list",
      "watch 10",
      "watch 10",
      "watch 10",
      "list",
      "watch 5",
    ]);
  });
}

Deno.test("a reflector stops during a backoff, and leaves no timer", async () => {
  const { story, timers, synced } = await play([{ fail: broken }]);
  assert.deepEqual(story, ["list"]);
  assert.equal(timers, 0);
  assert.equal(synced, false);
});

Deno.test("a reflector logs objects that are too large, and goes on", async () => {
  const { story, log } = await play([
    { list: ["a"], tooLarge: "listed" },
    { watch: [event("MODIFIED", "a", "11")], tooLarge: "large", then: "silence" },
  ]);
  assert.deepEqual(story, ["list", "+main/a", "watch 10", "+main/a"]);
  const skipped = log.with("Skipped an object that is too large");
  assert.deepEqual(skipped.map(({ fields }) => fields), [
    { resource: "configmaps", object: "main/listed" },
    { resource: "configmaps", object: "main/large" },
  ]);
});

Deno.test("silence counts from pages, events, bookmarks and regular ends, not from watches that are accepted and fail", async () => {
  const deaf = { watch: [], lastsMs: 100_000, then: broken };
  const { silences } = await play([{ list: ["a"] }, deaf, deaf, silence], [100_000, 101_000, 1_000]);
  assert.deepEqual(silences, [100_000, 201_000, 202_000, 202_000]);
  const heard = { watch: [event("BOOKMARK", "", "11")], then: "silence" } as const;
  assert.equal((await play([{ list: ["a"] }, deaf, heard], [100_000, 2_000])).silences.at(-1), 1_000);
  const ended = { watch: [], lastsMs: 100_000 };
  assert.equal((await play([{ list: ["a"] }, ended, silence], [100_000])).silences.at(-1), 0);
});
