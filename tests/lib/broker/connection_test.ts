/** A connection that cannot be opened leaves no socket behind; what becomes of an open one is in session_test.ts. */
import assert from "node:assert/strict";
import { openConnection } from "../../../lib/broker/connection.ts";
import { ScriptedBroker } from "../../fixtures/scripted_broker.ts";
import { until } from "../../fixtures/until.ts";

const readTextFile = (path: string) => Promise.reject(new Error(`${path} is missing`));

for (const call of ["connection.start-ok", "channel.open", "queue.bind"]) {
  Deno.test(`an abort ends an attempt at once while the broker owes an answer to ${call}`, async () => {
    await using broker = new ScriptedBroker();
    broker.silentFrom = call;
    const { host, port, username, password } = broker;
    const controller = new AbortController();
    const opening = openConnection({ host, port, username, password }, readTextFile, controller.signal);
    await until(`the broker has ${call}`, () => broker.calls.includes(call));
    const abortedAt = performance.now();
    controller.abort();
    await assert.rejects(opening);
    // Sooner than the library's own limits end the attempt.
    assert.ok(performance.now() - abortedAt < 5000);
    await until("no socket is open", () => broker.sockets === 0);
  });
}

Deno.test("a connection that the broker closes while it is opened leaves no socket", async () => {
  await using broker = new ScriptedBroker();
  broker.refusal = { after: "queue.declare", code: 406, text: "PRECONDITION_FAILED" };
  const { host, port, username, password } = broker;
  const { signal } = new AbortController();
  await assert.rejects(openConnection({ host, port, username, password }, readTextFile, signal), {
    code: 406,
  });
  await until("no socket is open", () => broker.sockets === 0);
});

Deno.test("a broker that begins with a frame above 128 KiB is left before it has sent it", async () => {
  await using broker = new ScriptedBroker();
  broker.propertiesBytes = 60_000_000;
  const { host, port, username, password } = broker;
  const { signal } = new AbortController();
  await assert.rejects(openConnection({ host, port, username, password }, readTextFile, signal), {
    message: /^Frame size 600000\d\d exceeds maxFrameSize 131072$/,
  });
  await until("no socket is open", () => broker.sockets === 0);
  // What the kernels hold on both sides.
  assert.ok(broker.sentBytes < 20_000_000, `${broker.sentBytes} bytes`);
});

Deno.test("a certificate file that cannot be read is an error, and no connection is made", async () => {
  await using broker = new ScriptedBroker();
  const { host, port, username, password } = broker;
  const tls = { verify: true, serverName: "", caFile: "/ca.crt", certFile: "", keyFile: "" };
  const { signal } = new AbortController();
  await assert.rejects(openConnection({ host, port, username, password, tls }, readTextFile, signal), {
    message: /^Cannot read \/ca\.crt for TLS to the broker: .* RABBITMQ_CACERT$/,
  });
  assert.equal(broker.calls.length, 0);
});
