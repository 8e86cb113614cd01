import assert from "node:assert/strict";
import { createHealthApp } from "../../routes/health.ts";

Deno.test("/readyz names the checks that fail, and nothing else", async () => {
  let broker = false;
  const app = createHealthApp({ broker: () => broker, running: () => true }, {});
  const failing = await app.request("/readyz");
  assert.equal(failing.status, 503);
  assert.deepEqual(await failing.json(), { status: "failing", failing: ["broker"] });
  broker = true;
  const ready = await app.request("/readyz");
  assert.equal(ready.status, 200);
  assert.deepEqual(await ready.json(), { status: "ok" });
});

Deno.test("/healthz has checks of its own", async () => {
  let leader = true;
  const app = createHealthApp({ broker: () => false }, { leader: () => leader });
  const healthy = await app.request("/healthz");
  assert.equal(healthy.status, 200);
  assert.deepEqual(await healthy.json(), { status: "ok" });
  leader = false;
  const failing = await app.request("/healthz");
  assert.equal(failing.status, 503);
  assert.deepEqual(await failing.json(), { status: "failing", failing: ["leader"] });
});
