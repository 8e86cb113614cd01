/** Writes that someone else makes while a token Secret is reconciled; everything else is in tests/suites/token_suite.ts. */
import assert from "node:assert/strict";
import { createTokenController } from "../../controllers/token_secret.ts";
import { systemClock } from "../../lib/clock.ts";
import { createKubeClient } from "../../lib/kube/client.ts";
import { isConflict } from "../../lib/kube/errors.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { startApiServer } from "../fixtures/api_server/mod.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { LAGOON_NAMESPACE_LABELS } from "../fixtures/objects.ts";
import { MemoryLogger } from "../fixtures/recorders.ts";

const NAMESPACE = "proj-main";
const KEY = { namespace: NAMESPACE, name: "insights-token" };
const LABELS = { "lagoon.sh/insights-token": "true", "lagoon.sh/dynamic-secret": "insights-token" };

Deno.test("a repair fails with a conflict when the Secret was changed after it was read", async () => {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startApiServer({ token: "t" }));
  const cluster = stack.use(new TestCluster({ url: server.url, token: "t" }));
  const access = cluster.access();
  stack.defer(() => access.close());
  await cluster.createNamespace(NAMESPACE, LAGOON_NAMESPACE_LABELS);
  await cluster.create("secrets", NAMESPACE, { metadata: { name: KEY.name, labels: LABELS } });
  const client = createKubeClient({ access, clock: systemClock });
  const get: typeof client.get = async (...request) => {
    const object = await client.get(...request);
    const body = { data: { INSIGHTS_TOKEN: btoa("theirs") } };
    const path = `/api/v1/namespaces/${NAMESPACE}/secrets/${KEY.name}`;
    await cluster.send("PATCH", path, { body, type: "application/merge-patch+json" });
    return object;
  };
  const { reconcile } = createTokenController({
    kube: { ...client, get },
    events: { warn: () => Promise.resolve() },
    clock: systemClock,
    random: () => 0,
    metrics: createMetrics(),
    log: new MemoryLogger(),
  }, { secret: "0123456789" });
  const { signal } = new AbortController();
  await assert.rejects(reconcile(KEY, { signal }), isConflict);
  const secret = await cluster.get("secrets", NAMESPACE, KEY.name);
  assert.deepEqual(secret?.data, { INSIGHTS_TOKEN: btoa("theirs") });
});
