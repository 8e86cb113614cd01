import assert from "node:assert/strict";
import { createHealthApp } from "../../routes/health.ts";

/** The status and the text that an app answers. */
async function ask(app: ReturnType<typeof createHealthApp>, target: string): Promise<[number, string]> {
  const response = await app.request(target);
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain/i);
  return [response.status, await response.text()];
}

Deno.test("/readyz names the checks that fail, and nothing else about them", async () => {
  let broker = false;
  const app = createHealthApp({ broker: () => broker, running: () => true }, {});
  assert.deepEqual(await ask(app, "/readyz"), [
    500,
    "[+]ping ok\n[-]broker failed: reason withheld\n[+]running ok\nhealthz check failed\n",
  ]);
  broker = true;
  assert.deepEqual(await ask(app, "/readyz"), [200, "ok"]);
});

Deno.test("/healthz has checks of its own", async () => {
  let leader = true;
  const app = createHealthApp({ broker: () => false }, { leader: () => leader });
  assert.deepEqual(await ask(app, "/healthz"), [200, "ok"]);
  leader = false;
  assert.equal((await ask(app, "/healthz"))[0], 500);
});

Deno.test("Probes written for controller-runtime work: a slash at the end, single checks, verbose, exclude", async () => {
  const app = createHealthApp({ broker: () => false, posts: () => true }, {});
  const okay = [
    "/healthz/",
    "/healthz/ping",
    "/healthz/healthz",
    "/readyz/ping",
    "/readyz/posts",
    "/readyz/?exclude=broker",
  ];
  for (const target of okay) assert.deepEqual(await ask(app, target), [200, "ok"], target);
  for (const target of ["/readyz/", "/readyz/readyz", "/readyz/broker"]) {
    assert.equal((await ask(app, target))[0], 500, target);
  }
  assert.deepEqual(await ask(app, "/healthz?verbose"), [200, "[+]ping ok\nhealthz check passed\n"]);
  assert.deepEqual(await ask(app, "/readyz?verbose=1&exclude=broker"), [
    200,
    "[+]ping ok\n[+]broker excluded: ok\n[+]posts ok\nhealthz check passed\n",
  ]);
  for (const target of ["/readyz/constructor", "/healthz/broker", "/livez"]) {
    assert.equal((await ask(app, target))[0], 404, target);
  }
});
