/** The reviewer's own rules; tests/integration/metrics_test.ts covers what Kubernetes answers. */
import assert from "node:assert/strict";
import { type AccessReviewer, createAccessReviewer } from "../../../lib/kube/access_review.ts";
import { KubeError } from "../../../lib/kube/errors.ts";
import { type PartialObject, type Resource, RESOURCES } from "../../../lib/kube/objects.ts";
import { ManualClock } from "../../fixtures/clock.ts";
import { MemoryLogger } from "../../fixtures/recorders.ts";

const USER = { username: "prometheus", uid: "7", groups: ["monitoring"], extra: { pod: ["p"] } };

/** An API server that knows some tokens. */
class Reviews {
  readonly readers = new Set<string>();
  readonly strangers = new Set<string>();
  readonly asked: { readonly plural: string; readonly spec: Record<string, unknown> }[] = [];
  /** Every request fails with it. */
  failure: Error | undefined;
  /** Requests wait for it. */
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

/** Reviews tokens in turn; returns verdicts, and the codes of failures. */
async function reviewAll(reviewer: AccessReviewer, tokens: readonly string[]): Promise<string[]> {
  const outcomes: string[] = [];
  for (const token of tokens) {
    outcomes.push(await reviewer.review(token).catch((error: { code: string }) => error.code));
  }
  return outcomes;
}

const numbered = (count: number, name = "bad") =>
  Array.from({ length: count }, (_, index) => `${name}-${index}`);

Deno.test("TokenReview identifies the user, and SubjectAccessReview gives the verdict", async () => {
  const { client, reviewer } = setUp();
  assert.deepEqual(await reviewAll(reviewer, ["good", "other", "bad"]), ["allowed", "forbidden", "unknown"]);
  const nonResourceAttributes = { path: "/metrics", verb: "get" };
  const { username, ...rest } = USER;
  assert.deepEqual(client.asked.slice(0, 2), [
    { plural: "tokenreviews", spec: { token: "good" } },
    { plural: "subjectaccessreviews", spec: { user: username, ...rest, nonResourceAttributes } },
  ]);
});

Deno.test("an allowed verdict is cached for 60 seconds, any other for 30", async () => {
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

Deno.test("a holder who loses the permission is cached as denied", async () => {
  const { client, clock, reviewer } = setUp();
  await reviewer.review("good");
  client.readers.delete("good");
  await clock.advance(60_000);
  client.asked.length = 0;
  assert.deepEqual(await reviewAll(reviewer, ["good", "good", "good"]), ["unknown", "unknown", "unknown"]);
  assert.equal(client.asked.length, 1);
});

Deno.test("concurrent requests with the same token share one review", async () => {
  const { client, reviewer } = setUp();
  const verdicts = await Promise.all(Array.from({ length: 50 }, () => reviewer.review("good")));
  assert.deepEqual(new Set(verdicts), new Set(["allowed"]));
  assert.equal(client.asked.length, 2);
});

Deno.test("a flood of new tokens causes few reviews, and an allowed token keeps working", async () => {
  const { client, clock, reviewer } = setUp();
  await reviewer.review("good");
  client.asked.length = 0;
  for (let second = 0; second < 90; second++) {
    await reviewAll(reviewer, numbered(100, `bad-${second}`));
    assert.equal(await reviewer.review("good"), "allowed");
    await clock.advance(1000);
  }
  // A burst of 20, 2 per second, and the second review of the allowed token, which takes two requests.
  assert.equal(client.asked.length, 20 - 1 + 2 * 89 + 2);
  assert.deepEqual(await reviewAll(reviewer, numbered(3, "more")), [
    "unknown",
    "unknown",
    "too-many-reviews",
  ]);
});

Deno.test("at most four reviews of new tokens run at the same time", async () => {
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

Deno.test("the latest 128 allowed tokens are exempt from the rate limit", async () => {
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

Deno.test("forbidden reviews are logged once, with the remedy, until they work again", async () => {
  const { client, log, reviewer } = setUp();
  const forbidden = new KubeError("Cannot create tokenreviews as the API server answered 403: no", {
    status: 403,
  });
  client.failure = forbidden;
  const failed = Array.from({ length: 3 }, () => "access-not-reviewed");
  assert.deepEqual(await reviewAll(reviewer, ["good", "good", "secret-token"]), failed);
  const [line, ...others] = log.with("Token review failed");
  assert.deepEqual(others, []);
  assert.equal(line?.level, "warn");
  assert.match(String(line?.fields.error), /create tokenreviews/);
  assert.match(String(line?.fields.help), /subjectaccessreviews.*METRICS_SECURE=false/);
  client.failure = undefined;
  assert.deepEqual(await reviewAll(reviewer, ["good"]), ["allowed"]);
  assert.equal(log.with("Token reviews work again").length, 1);
  client.failure = new KubeError("Cannot create tokenreviews: unreachable", { status: 0 });
  assert.deepEqual(await reviewAll(reviewer, ["secret-token"]), ["access-not-reviewed"]);
  assert.deepEqual(log.with("Token review failed").map(({ fields }) => "help" in fields), [true, false]);
  assert.doesNotMatch(JSON.stringify(log.lines), /secret-token|good/);
});

Deno.test("an expired verdict is not used when the API server is unreachable", async () => {
  const { client, clock, reviewer } = setUp();
  await reviewer.review("good");
  client.failure = new KubeError("unreachable", { status: 0 });
  await clock.advance(60_000);
  assert.deepEqual(await reviewAll(reviewer, ["good"]), ["access-not-reviewed"]);
});

Deno.test("a review that ends with the program is not logged", async () => {
  const { client, log, reviewer, stop } = setUp();
  client.failure = new Error("aborted");
  stop.abort();
  assert.deepEqual(await reviewAll(reviewer, ["good"]), ["access-not-reviewed"]);
  assert.deepEqual(log.lines, []);
});
