/** The publisher and a broker that is silent: on an open connection, and while it connects. */
import assert from "node:assert/strict";
import { message, runPublisher } from "../fixtures/publisher_run.ts";
import { needsBroker, startBroker, takeMessages } from "../fixtures/rabbitmq.ts";
import { startTcpProxy } from "../fixtures/tcp_proxy.ts";
import { until } from "../fixtures/until.ts";

const { signal } = new AbortController();

Deno.test({
  ...needsBroker("a dead connection is noticed and closed, although no side has closed it"),
  fn: async () => {
    await using parts = new AsyncDisposableStack();
    const broker = parts.use(await startBroker());
    const proxy = parts.use(startTcpProxy({ port: broker.port }));
    const run = parts.use(runPublisher({ ...broker, port: proxy.port, confirmTimeoutMs: 2000 }));
    await run.untilReady();
    await run.publisher.publish(message("before"), { signal });
    proxy.silence();
    const hungAt = Date.now();
    // Until the silence is noticed, only the limit for the confirm ends the wait.
    await assert.rejects(run.publisher.publish(message("into the void"), { signal }), {
      code: "broker-confirm-timeout",
    });
    await until("not ready", () => !run.publisher.isReady());
    assert.ok(Date.now() - hungAt < 20_000, `not ready after ${Date.now() - hungAt} ms`);
    await assert.rejects(run.publisher.publish(message("too late"), { signal }), {
      code: "broker-not-ready",
    });
    // Two to three heartbeats of 10 s.
    await run.untilLogged("Broker connection lost");
    assert.ok(Date.now() - hungAt < 45_000, `lost after ${Date.now() - hungAt} ms`);
    assert.match(String(run.log.with("Broker connection lost")[0]!.fields.error), /Heartbeat timeout/);
    // The socket is closed without the peer's answer.
    await until("no open connection", () => proxy.openCount === 0);
    proxy.restore();
    await run.untilReady();
    await run.publisher.publish(message("after"), { signal });
    const ids = (await takeMessages(broker)).map(({ properties }) => properties.messageId);
    assert.deepEqual(ids, ["before", "after"]);
  },
});

Deno.test("a broker that accepts the connection and stays silent does not delay the stop", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = { host: "127.0.0.1", port: silent.addr.port, username: "guest", password: "guest" };
  const run = runPublisher(address);
  using _connection = await silent.accept();
  assert.equal(run.publisher.isReady(), false);
  const stoppedAt = Date.now();
  await run[Symbol.asyncDispose]();
  assert.ok(Date.now() - stoppedAt < 1000, `stopped after ${Date.now() - stoppedAt} ms`);
});
