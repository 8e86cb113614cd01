import assert from "node:assert/strict";
import { Hono } from "hono";
import { AppError } from "../../lib/errors.ts";
import type { Verdict } from "../../lib/kube/access_review.ts";
import { createAccessGuard } from "../../routes/metrics_guard.ts";

const TOKEN = "a-token-that-nobody-may-see";

function setUp(review: (token: string) => Promise<Verdict>) {
  const app = new Hono();
  app.use(createAccessGuard({ review }));
  app.get("/metrics", (c) => c.text("metrics"));
  return (authorization?: string) =>
    app.request("/metrics", authorization === undefined ? {} : { headers: { authorization } });
}

const answers = (verdict: Verdict) => setUp(() => Promise.resolve(verdict));
const fails = (code: string) => setUp(() => Promise.reject(new AppError(code, `about ${TOKEN}`)));

/** What a client sees of a refusal, in the shape that all answers have. */
async function refusal(response: Response) {
  const body = await response.json();
  assert.deepEqual(Object.keys(body), ["status", "message"]);
  assert.doesNotMatch(JSON.stringify([body, ...response.headers]), new RegExp(TOKEN));
  return { code: response.status, headers: response.headers };
}

Deno.test("who shows no Bearer token gets 401, and Kubernetes is not asked", async () => {
  const ask = setUp(() => assert.fail("Kubernetes was asked"));
  for (
    const authorization of [undefined, "", "Bearer", "Bearer ", TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN} x`]
  ) {
    const { code, headers } = await refusal(await ask(authorization));
    assert.deepEqual([code, headers.get("www-authenticate")], [401, "Bearer"]);
  }
});

Deno.test("the token is reviewed as it is, whatever the case of Bearer", async () => {
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

Deno.test("a verdict is answered: 401 for nobody's token, 403 for somebody who may not", async () => {
  assert.equal((await refusal(await answers("unknown")(`Bearer ${TOKEN}`))).code, 401);
  assert.equal((await refusal(await answers("forbidden")(`Bearer ${TOKEN}`))).code, 403);
});

Deno.test("no verdict is 429 when too many are asked for, and 500 otherwise", async () => {
  const { code, headers } = await refusal(await fails("too-many-reviews")(`Bearer ${TOKEN}`));
  assert.deepEqual([code, headers.get("retry-after")], [429, "1"]);
  assert.equal((await refusal(await fails("access-not-reviewed")(`Bearer ${TOKEN}`))).code, 500);
});
