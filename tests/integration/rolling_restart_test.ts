/** A rolling restart of two replicas under load, behind a proxy that works like a Service. */
import assert from "node:assert/strict";
import { postSteadily, sumStatuses } from "../fixtures/posting_site.ts";
import { type RunningProgram, startWithoutCluster } from "../fixtures/program.ts";
import { needsBroker, startBroker, takeMessages, type TestBroker } from "../fixtures/rabbitmq.ts";
import { startTcpProxy } from "../fixtures/tcp_proxy.ts";

const SECRET = "the-secret-of-the-rolling-restart-test";
const SITES = 16;
/** Time until a Service stops sending connections to a pod that is not ready. */
const ENDPOINTS_LAG_MS = 1000;

function startReplica(broker: TestBroker): RunningProgram {
  return startWithoutCluster({
    // Makes the program believe that it runs in a pod.
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    INSIGHTS_TOKEN_SECRET: SECRET,
    RABBITMQ_ADDRESS: `${broker.host}:${broker.port}`,
    RABBITMQ_USERNAME: broker.username,
    RABBITMQ_PASSWORD: broker.password,
    SHUTDOWN_DELAY: "3",
  });
}

async function isReady(program: RunningProgram): Promise<boolean> {
  const response = await fetch(`${program.healthUrl}/readyz`).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok ?? false;
}

Deno.test({
  ...needsBroker(
    "during a rolling restart every post is answered with 200, and its message is in the queue",
  ),
  fn: async () => {
    await using parts = new AsyncDisposableStack();
    const broker = parts.use(await startBroker());
    const endpoints: RunningProgram[] = [];
    const join = async () => {
      const replica = parts.use(startReplica(broker));
      await replica.untilReady();
      endpoints.push(replica);
    };
    const leave = async (replica: RunningProgram) => {
      const stopping = replica.stop();
      while (await isReady(replica)) await new Promise((resolve) => setTimeout(resolve, 10));
      await new Promise((resolve) => setTimeout(resolve, ENDPOINTS_LAG_MS));
      endpoints.splice(endpoints.indexOf(replica), 1);
      assert.equal(await stopping, 0, replica.log());
    };
    await Promise.all([join(), join()]);
    let turn = 0;
    const service = parts.use(startTcpProxy({
      get port() {
        return Number(new URL(endpoints[turn++ % endpoints.length]!.webUrl).port);
      },
    }));

    const stop = new AbortController();
    const url = `http://127.0.0.1:${service.port}`;
    const sites = Array.from(
      { length: SITES },
      (_, index) => postSteadily({ url, secret: SECRET, environmentId: index + 1, stop: stop.signal }),
    );
    for (const old of [...endpoints]) {
      await join();
      await leave(old);
    }
    stop.abort();
    const reports = await Promise.all(sites);
    const statuses = sumStatuses(reports);
    assert.deepEqual(Object.keys(statuses), ["200"], JSON.stringify(statuses));
    assert.ok(statuses["200"]! > 1000);
    const queued = new Set((await takeMessages(broker)).map(({ properties }) => properties.messageId));
    const missing = reports.flatMap(({ accepted }) => accepted).filter(({ id }) => !queued.has(id));
    assert.deepEqual(missing, []);
  },
});
