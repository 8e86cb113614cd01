import assert from "node:assert/strict";
import { createHealthApp } from "../../routes/health.ts";

Deno.test("/readyz names the checks that fail, and nothing else", async () => {
  let broker = false;
  const app = createHealthApp({ broker: () => broker, running: () => true });
  const failing = await app.request("/readyz");
  assert.equal(failing.status, 503);
  assert.deepEqual(await failing.json(), { status: "not ready", failing: ["broker"] });
  broker = true;
  const ready = await app.request("/readyz");
  assert.equal(ready.status, 200);
  assert.deepEqual(await ready.json(), { status: "ok" });
});

Deno.test("/healthz answers also while the program is not ready", async () => {
  const response = await createHealthApp({ broker: () => false }).request("/healthz");
  assert.equal(response.status, 200);
  await response.body?.cancel();
});
