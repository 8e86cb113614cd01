/** What the log says of a connection that could not be made; the texts come from the real client library. */
import assert from "node:assert/strict";
import { describeBrokerError } from "../../../lib/broker/connection.ts";
import { runPublisher } from "../../fixtures/publisher_run.ts";
import { type Refusal, ScriptedBroker } from "../../fixtures/scripted_broker.ts";

async function logged(refusal: Refusal): Promise<string> {
  await using broker = new ScriptedBroker();
  broker.refusal = refusal;
  const { host, port, username } = broker;
  await using run = runPublisher({ host, port, username, password: "wrong-password" });
  await run.untilLogged("Broker not reachable");
  assert.ok(!JSON.stringify(run.log.lines).includes("wrong-password"));
  return String(run.log.with("Broker not reachable")[0]!.fields.error);
}

for (
  const [name, refusal, expected] of [
    [
      "a login that is refused",
      { after: "connection.start-ok", code: 403, text: "ACCESS_REFUSED - Login was refused" },
      /^Cannot log in at \S+ as user "guest": check RABBITMQ_USERNAME and RABBITMQ_PASSWORD$/,
    ],
    [
      "a virtual host that is missing",
      { after: "connection.open", code: 530, text: "NOT_ALLOWED - vhost / not found" },
      /^Cannot open virtual host \/ at \S+: it must exist, and user "guest" needs permissions in it$/,
    ],
    [
      "a queue with other properties",
      { after: "queue.declare", code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'durable'" },
      /^Cannot use the exchange or queue at \S+: it does not have Lagoon's properties; .* inequivalent arg/,
    ],
    [
      "an exchange that may not be declared",
      { after: "exchange.declare", code: 403, text: "ACCESS_REFUSED - configure access" },
      /^Cannot declare exchange and queue at \S+: user "guest" needs configure, write and read permissions/,
    ],
  ] as const
) {
  Deno.test(`the log names the cause and the fix for ${name}`, async () => {
    assert.match(await logged(refusal), expected);
  });
}

Deno.test("a message that is too large is no reason to delete the queue", () => {
  // What RabbitMQ answers to basic.publish with a message above its max_message_size.
  const text = "PRECONDITION_FAILED - message size 2000 is larger than configured max size 1000";
  const error = Object.assign(new Error(text), { code: 406, classId: 60, methodId: 40 });
  assert.equal(
    describeBrokerError(error, { host: "rabbit", port: 5672, username: "lagoon" }),
    `rabbit:5672 closed the channel because of a message: ${text}`,
  );
});

Deno.test("certificates that don't fit are named with the option that fixes it, and other errors as they are", () => {
  const identity = { host: "rabbit", port: 5671, username: "lagoon" };
  const describe = (code: string) =>
    describeBrokerError(Object.assign(new Error("failed"), { code }), identity);
  assert.equal(
    describe("SELF_SIGNED_CERT_IN_CHAIN"),
    "Cannot connect to rabbit:5671 with TLS: failed: set RABBITMQ_CACERT to the CA that signed it",
  );
  assert.match(describe("ERR_TLS_CERT_ALTNAME_INVALID"), /: set RABBITMQ_SERVER_NAME to a name in the/);
  assert.match(describe("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"), /: set RABBITMQ_CLIENTCERT and/);
  assert.equal(describe("ECONNREFUSED"), "failed");
  assert.equal(describe("toString"), "failed");
});
