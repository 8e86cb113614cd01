/** The publisher and a RabbitMQ that accepts only TLS, in one test only with a client certificate. */
import assert from "node:assert/strict";
import type { BrokerTls } from "../../lib/broker/connection.ts";
import { createCertificates, signCertificate } from "../fixtures/certificates.ts";
import { message, type PublisherRun, runPublisher } from "../fixtures/publisher_run.ts";
import { needsPrivateNode } from "../fixtures/rabbitmq.ts";
import { type PrivateNode, startPrivateNode } from "../fixtures/rabbitmq_node.ts";

const { signal } = new AbortController();
const USERNAME = "lagoon";
const PASSWORD = "p@ss:w/ö?r#d%41&";

/** A folder with the broker's certificate, for broker.example only, and a client certificate of the same CA. */
async function createFolder(parts: AsyncDisposableStack): Promise<string> {
  const folder = await Deno.makeTempDir();
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  await createCertificates(folder, "DNS:broker.example");
  await signCertificate(folder, "client", "DNS:insights-remote");
  return folder;
}

async function startTlsNode(
  parts: AsyncDisposableStack,
  folder: string,
  more: string,
): Promise<PrivateNode> {
  const node = parts.use(
    await startPrivateNode({
      plain: false,
      configuration: [
        "listeners.tcp = none",
        "listeners.ssl.1 = 127.0.0.1:PORT",
        `ssl_options.cacertfile = ${folder}/ca.crt`,
        `ssl_options.certfile = ${folder}/server.crt`,
        `ssl_options.keyfile = ${folder}/server.key`,
        more,
        "",
      ].join("\n"),
    }),
  );
  await node.control("add_user", USERNAME, PASSWORD);
  await node.control("set_permissions", "-p", "/", USERNAME, ".*", ".*", ".*");
  return node;
}

function run(node: PrivateNode, tls: Partial<BrokerTls> | undefined): PublisherRun {
  const none = { verify: true, serverName: "", caFile: "", certFile: "", keyFile: "" };
  return runPublisher({
    host: "127.0.0.1",
    port: node.port,
    username: USERNAME,
    password: PASSWORD,
    tls: tls && { ...none, ...tls },
  });
}

async function assertDelivers(node: PrivateNode, tls: Partial<BrokerTls>): Promise<PublisherRun["log"]> {
  await using running = run(node, tls);
  await running.untilReady();
  await running.publisher.publish(message(crypto.randomUUID()), { signal });
  return running.log;
}

async function assertNotConnected(
  node: PrivateNode,
  tls: Partial<BrokerTls> | undefined,
  line: RegExp,
): Promise<void> {
  await using running = run(node, tls);
  await running.untilLogged("Broker not reachable");
  assert.match(String(running.log.with("Broker not reachable")[0]!.fields.error), line);
  assert.equal(running.publisher.isReady(), false);
  assert.ok(!JSON.stringify(running.log.lines).includes(PASSWORD));
}

Deno.test({
  ...needsPrivateNode(
    "over TLS, messages go only to a broker whose certificate has the name and the CA",
  ),
  fn: async () => {
    await using parts = new AsyncDisposableStack();
    const folder = await createFolder(parts);
    const other = await createFolder(parts);
    const node = await startTlsNode(parts, folder, "");
    const caFile = `${folder}/ca.crt`;
    await assertDelivers(node, { caFile, serverName: "broker.example" });
    await assertNotConnected(
      node,
      { caFile },
      /altnames: .*: set RABBITMQ_SERVER_NAME to a name in the certificate$/,
    );
    await assertNotConnected(
      node,
      { caFile: `${other}/ca.crt`, serverName: "broker.example" },
      /: set RABBITMQ_CACERT to the CA that signed it$/,
    );
    // The well-known CAs did not sign it either.
    await assertNotConnected(
      node,
      { serverName: "broker.example" },
      /: set RABBITMQ_CACERT to the CA that signed it$/,
    );
    await assertNotConnected(
      node,
      { caFile: `${folder}/none.crt` },
      /^Cannot read \S+none\.crt for TLS to the broker: .*: provide the file, or correct RABBITMQ_CACERT$/,
    );
    await assertNotConnected(
      node,
      { caFile: `${folder}/ca.key` },
      /ca\.key .* has no PEM block "CERTIFICATE": correct the file, or RABBITMQ_CACERT$/,
    );
    const broken = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
    await Deno.writeTextFile(`${folder}/half.crt`, await Deno.readTextFile(caFile) + broken);
    await assertNotConnected(
      node,
      { caFile: `${folder}/half.crt`, serverName: "broker.example" },
      /half\.crt .* certificate 2 of 2 is broken: correct the file, or RABBITMQ_CACERT$/,
    );
    await assertNotConnected(node, undefined, /closed abruptly|ECONNRESET/);
  },
});

Deno.test({
  ...needsPrivateNode("without verification any certificate is accepted, and the log warns once"),
  fn: async () => {
    await using parts = new AsyncDisposableStack();
    const node = await startTlsNode(parts, await createFolder(parts), "");
    const log = await assertDelivers(node, { verify: false });
    const warnings = log.lines.filter(({ level }) => level === "warn");
    assert.deepEqual(warnings.map(({ message }) => message), [
      "Broker's certificate is not verified: an impostor would get password and messages",
    ]);
  },
});

Deno.test({
  ...needsPrivateNode(
    "a broker that asks for a client certificate gets ours, read again for each connection",
  ),
  fn: async () => {
    await using parts = new AsyncDisposableStack();
    const folder = await createFolder(parts);
    const node = await startTlsNode(
      parts,
      folder,
      "ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true",
    );
    const tls = { caFile: `${folder}/ca.crt`, serverName: "broker.example" };
    await assertNotConnected(node, tls, /: set RABBITMQ_CLIENTCERT and RABBITMQ_CLIENTKEY to ours$/);
    const files = { certFile: `${folder}/later.crt`, keyFile: `${folder}/later.key` };
    await using running = run(node, { ...tls, ...files });
    await running.untilLogged("Broker not reachable");
    await Deno.copyFile(`${folder}/client.key`, files.keyFile);
    await Deno.copyFile(`${folder}/client.crt`, files.certFile);
    await running.untilReady();
    await running.publisher.publish(message("one"), { signal });
  },
});
