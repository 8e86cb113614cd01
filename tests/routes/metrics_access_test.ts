import assert from "node:assert/strict";
import { AppError } from "../../lib/errors.ts";
import type { Verdict } from "../../lib/kube/access_review.ts";
import { createMetricsApp } from "../../routes/metrics.ts";

const TOKEN = "a-token-that-must-not-leak";

function setUp(review: (token: string) => Promise<Verdict>) {
  const render = () => Promise.resolve({ text: "metrics", contentType: "text/plain" });
  const app = createMetricsApp({ render }, { review });
  return (authorization?: string) =>
    app.request("/metrics", authorization === undefined ? {} : { headers: { authorization } });
}

const answers = (verdict: Verdict) => setUp(() => Promise.resolve(verdict));
const fails = (code: string) => setUp(() => Promise.reject(new AppError(code, `about ${TOKEN}`)));

/** What a client sees of an error, in the shape of all errors. */
async function failureOf(response: Response) {
  const body = await response.json();
  assert.deepEqual(Object.keys(body), ["status", "message"]);
  assert.doesNotMatch(JSON.stringify([body, ...response.headers]), new RegExp(TOKEN));
  return { code: response.status, headers: response.headers };
}

Deno.test("without a Bearer token the answer is 401, and Kubernetes is not asked", async () => {
  const ask = setUp(() => assert.fail("Kubernetes was asked"));
  for (
    const authorization of [undefined, "", "Bearer", "Bearer ", TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN} x`]
  ) {
    const { code, headers } = await failureOf(await ask(authorization));
    assert.deepEqual([code, headers.get("www-authenticate")], [401, "Bearer"]);
  }
});

Deno.test("the token is reviewed as it is, after Bearer in any case", async () => {
  const seen: string[] = [];
  const ask = setUp((token) => {
    seen.push(token);
    return Promise.resolve("allowed");
  });
  for (const authorization of [`Bearer ${TOKEN}`, `bearer  ${TOKEN} `]) {
    const response = await ask(authorization);
    assert.deepEqual([response.status, await response.text()], [200, "metrics"]);
  }
  assert.deepEqual(seen, [TOKEN, TOKEN]);
});

Deno.test("an unknown token gets 401, and one without permission 403", async () => {
  assert.equal((await failureOf(await answers("unknown")(`Bearer ${TOKEN}`))).code, 401);
  assert.equal((await failureOf(await answers("forbidden")(`Bearer ${TOKEN}`))).code, 403);
});

Deno.test("a review that fails gets 429 when there are too many, and 500 otherwise", async () => {
  const { code, headers } = await failureOf(await fails("too-many-reviews")(`Bearer ${TOKEN}`));
  assert.deepEqual([code, headers.get("retry-after")], [429, "1"]);
  assert.equal((await failureOf(await fails("access-not-reviewed")(`Bearer ${TOKEN}`))).code, 500);
});
