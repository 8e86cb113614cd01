/** A rolling restart of two replicas under load, behind what a Service does: new connections go to who is ready. */
import assert from "node:assert/strict";
import { freePorts } from "../fixtures/ports.ts";
import { postSteadily, sumStatuses } from "../fixtures/posting_site.ts";
import { type RunningProgram, startProgram } from "../fixtures/program.ts";
import { needsBroker, startBroker, takeMessages, type TestBroker } from "../fixtures/rabbitmq.ts";
import { startTcpProxy } from "../fixtures/tcp_proxy.ts";

const SECRET = "the-secret-of-the-rolling-restart-test";
const SITES = 16;
/** How long a cluster takes to send nothing more to a pod that is not ready. */
const ENDPOINTS_LAG_MS = 1000;

interface Replica {
  readonly program: RunningProgram;
  readonly port: number;
}

function startReplica(broker: TestBroker): Replica {
  const [webPort = 0, healthPort = 0] = freePorts(2);
  const program = startProgram({
    webPort,
    healthPort,
    env: {
      // In a pod, but with nothing to do in the cluster.
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      ENABLE_CONFIGMAP_RECONCILER: "false",
      ENABLE_NAMESPACE_RECONCILER: "false",
      INSIGHTS_TOKEN_SECRET: SECRET,
      RABBITMQ_ADDRESS: `${broker.host}:${broker.port}`,
      RABBITMQ_USERNAME: broker.username,
      RABBITMQ_PASSWORD: broker.password,
      SHUTDOWN_DELAY: "3",
    },
  });
  program.stdout.pipeTo(new WritableStream()).catch(() => {});
  return { program, port: webPort };
}

async function isReady({ program }: Replica): Promise<boolean> {
  const response = await fetch(`${program.healthUrl}/readyz`).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok ?? false;
}

Deno.test({
  ...needsBroker(
    "during a rolling restart every post is answered with 200, and every one of them is in the queue",
  ),
  fn: async () => {
    await using parts = new AsyncDisposableStack();
    const broker = parts.use(await startBroker());
    const endpoints: Replica[] = [];
    const join = async () => {
      const replica = startReplica(broker);
      parts.use(replica.program);
      await replica.program.untilReady();
      endpoints.push(replica);
    };
    const leave = async (replica: Replica) => {
      const stopping = replica.program.stop();
      while (await isReady(replica)) await new Promise((resolve) => setTimeout(resolve, 10));
      await new Promise((resolve) => setTimeout(resolve, ENDPOINTS_LAG_MS));
      endpoints.splice(endpoints.indexOf(replica), 1);
      assert.equal(await stopping, 0, replica.program.log());
    };
    await Promise.all([join(), join()]);
    let turn = 0;
    const service = parts.use(startTcpProxy({
      get port() {
        return endpoints[turn++ % endpoints.length]!.port;
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
