/** The reviewer's own rules; what Kubernetes answers is in tests/integration/metrics_test.ts. */
import assert from "node:assert/strict";
import { type AccessReviewer, createAccessReviewer } from "../../../lib/kube/access_review.ts";
import { KubeError } from "../../../lib/kube/errors.ts";
import { type PartialObject, type Resource, RESOURCES } from "../../../lib/kube/objects.ts";
import { ManualClock } from "../../fixtures/clock.ts";
import { MemoryLogger } from "../../fixtures/recorders.ts";

const USER = { username: "prometheus", uid: "7", groups: ["monitoring"], extra: { pod: ["p"] } };

/** An API server that knows some tokens. */
class Reviews {
  /** Tokens of those who may read metrics. */
  readonly readers = new Set<string>();
  /** Tokens of others. */
  readonly strangers = new Set<string>();
  /** What was asked, in order. */
  readonly asked: { readonly plural: string; readonly spec: Record<string, unknown> }[] = [];
  /** What every question ends with. */
  failure: Error | undefined;
  /** Questions wait for it. */
  held: Promise<void> | undefined;

  readonly ask = async <Status>({ plural }: Resource<PartialObject>, spec: unknown): Promise<Status> => {
    this.asked.push({ plural, spec: spec as Record<string, unknown> });
    await this.held;
    if (this.failure) throw this.failure;
    return this.#answer(plural, spec as { token: string; user: string }) as Status;
  };

  #answer(plural: string, { token, user }: { token: string; user: string }): unknown {
    if (plural === RESOURCES.subjectAccessReviews.plural) return { allowed: user === "prometheus" };
    if (this.readers.has(token)) return { authenticated: true, user: USER };
    if (this.strangers.has(token)) return { authenticated: true, user: { username: "stranger" } };
    return { user: {}, error: "invalid bearer token" };
  }
}

function setUp() {
  const client = new Reviews();
  client.readers.add("good");
  client.strangers.add("other");
  const clock = new ManualClock();
  const log = new MemoryLogger();
  const stop = new AbortController();
  const reviewer = createAccessReviewer({ client, path: "/metrics", clock, log, signal: stop.signal });
  return { client, clock, log, stop, reviewer };
}

/** Reviews tokens one after the other; gives the codes of failures among the verdicts. */
async function reviewAll(reviewer: AccessReviewer, tokens: readonly string[]): Promise<string[]> {
  const outcomes: string[] = [];
  for (const token of tokens) {
    outcomes.push(await reviewer.review(token).catch((error: { code: string }) => error.code));
  }
  return outcomes;
}

const numbered = (count: number, name = "bad") =>
  Array.from({ length: count }, (_, index) => `${name}-${index}`);

Deno.test("a token is whose TokenReview says, and may what the SubjectAccessReview of that user says", async () => {
  const { client, reviewer } = setUp();
  assert.deepEqual(await reviewAll(reviewer, ["good", "other", "bad"]), ["allowed", "forbidden", "unknown"]);
  const nonResourceAttributes = { path: "/metrics", verb: "get" };
  const { username, ...rest } = USER;
  assert.deepEqual(client.asked.slice(0, 2), [
    { plural: "tokenreviews", spec: { token: "good" } },
    { plural: "subjectaccessreviews", spec: { user: username, ...rest, nonResourceAttributes } },
  ]);
});

Deno.test("an answer that allows counts for a minute, and any other for half a minute", async () => {
  const { client, clock, reviewer } = setUp();
  await reviewAll(reviewer, ["good", "other", "bad"]);
  client.readers.delete("good");
  client.strangers.delete("other");
  client.readers.add("bad");
  await clock.advance(29_999);
  assert.deepEqual(await reviewAll(reviewer, ["good", "other", "bad"]), ["allowed", "forbidden", "unknown"]);
  await clock.advance(1);
  assert.deepEqual(await reviewAll(reviewer, ["good", "other", "bad"]), ["allowed", "unknown", "allowed"]);
  await clock.advance(30_000);
  assert.deepEqual(await reviewAll(reviewer, ["good"]), ["unknown"]);
});

Deno.test("who isn't allowed any more is one of the others: asked about once in half a minute", async () => {
  const { client, clock, reviewer } = setUp();
  await reviewer.review("good");
  client.readers.delete("good");
  await clock.advance(60_000);
  client.asked.length = 0;
  assert.deepEqual(await reviewAll(reviewer, ["good", "good", "good"]), ["unknown", "unknown", "unknown"]);
  assert.equal(client.asked.length, 1);
});

Deno.test("requests with the same token at the same time are one question", async () => {
  const { client, reviewer } = setUp();
  const verdicts = await Promise.all(Array.from({ length: 50 }, () => reviewer.review("good")));
  assert.deepEqual(new Set(verdicts), new Set(["allowed"]));
  assert.equal(client.asked.length, 2);
});

Deno.test("a flood of tokens is a trickle of questions, and who was allowed is served all the while", async () => {
  const { client, clock, reviewer } = setUp();
  await reviewer.review("good");
  client.asked.length = 0;
  for (let second = 0; second < 90; second++) {
    await reviewAll(reviewer, numbered(100, `bad-${second}`));
    assert.equal(await reviewer.review("good"), "allowed");
    await clock.advance(1000);
  }
  // 20 at once, 2 a second, and the allowed one's second review, which is two questions.
  assert.equal(client.asked.length, 20 - 1 + 2 * 89 + 2);
  assert.deepEqual(await reviewAll(reviewer, numbered(3, "more")), [
    "unknown",
    "unknown",
    "too-many-reviews",
  ]);
});

Deno.test("at most four new tokens are asked about at the same time", async () => {
  const { client, reviewer } = setUp();
  const { promise, resolve } = Promise.withResolvers<void>();
  client.held = promise;
  const outcomes = Promise.all(
    numbered(6).map((token) => reviewer.review(token).catch((error: { code: string }) => error.code)),
  );
  assert.equal(client.asked.length, 4);
  resolve();
  assert.deepEqual((await outcomes).toSorted(), [
    ...Array.from({ length: 2 }, () => "too-many-reviews"),
    ...Array.from({ length: 4 }, () => "unknown"),
  ]);
});

Deno.test("of those who were allowed, the latest 128 keep their precedence over new tokens", async () => {
  const { client, clock, reviewer } = setUp();
  const readers = numbered(129, "reader");
  for (const reader of readers) {
    client.readers.add(reader);
    assert.equal(await reviewer.review(reader), "allowed");
    await clock.advance(1000);
  }
  const flood = await reviewAll(reviewer, numbered(100));
  assert.equal(flood.at(-1), "too-many-reviews");
  assert.deepEqual(await reviewAll(reviewer, readers.slice(0, 2)), ["too-many-reviews", "allowed"]);
});

Deno.test("reviews that are forbidden are told once, with what to do, until they work again", async () => {
  const { client, log, reviewer } = setUp();
  const forbidden = new KubeError("Cannot create tokenreviews as the API server answered 403: no", {
    status: 403,
  });
  client.failure = forbidden;
  const failed = Array.from({ length: 3 }, () => "access-not-reviewed");
  assert.deepEqual(await reviewAll(reviewer, ["good", "good", "secret-token"]), failed);
  const [line, ...others] = log.with("Reviews of tokens are forbidden");
  assert.deepEqual(others, []);
  assert.equal(line?.level, "warn");
  assert.match(String(line?.fields.error), /create tokenreviews/);
  assert.match(String(line?.fields.help), /subjectaccessreviews.*METRICS_SECURE=false/);
  client.failure = undefined;
  assert.deepEqual(await reviewAll(reviewer, ["good"]), ["allowed"]);
  assert.equal(log.with("Tokens are reviewed again").length, 1);
  client.failure = new KubeError("Cannot create tokenreviews: unreachable", { status: 0 });
  assert.deepEqual(await reviewAll(reviewer, ["secret-token"]), ["access-not-reviewed"]);
  assert.equal(log.with("Token not reviewed").length, 1);
  assert.doesNotMatch(JSON.stringify(log.lines), /secret-token|good/);
});

Deno.test("who was allowed isn't any more when the answer is too old and there is no other", async () => {
  const { client, clock, reviewer } = setUp();
  await reviewer.review("good");
  client.failure = new KubeError("unreachable", { status: 0 });
  await clock.advance(60_000);
  assert.deepEqual(await reviewAll(reviewer, ["good"]), ["access-not-reviewed"]);
});

Deno.test("a question that the end of the program cuts off is told to nobody", async () => {
  const { client, log, reviewer, stop } = setUp();
  client.failure = new Error("aborted");
  stop.abort();
  assert.deepEqual(await reviewAll(reviewer, ["good"]), ["access-not-reviewed"]);
  assert.deepEqual(log.lines, []);
});
