/** The publisher and a RabbitMQ that takes TLS connections only, some of them with a certificate of ours. */
import assert from "node:assert/strict";
import type { ClientTls } from "../../lib/tls/client.ts";
import { createCertificates, signCertificate } from "../fixtures/certificates.ts";
import { message, type PublisherRun, runPublisher } from "../fixtures/publisher_run.ts";
import { needsPrivateNode } from "../fixtures/rabbitmq.ts";
import { type PrivateNode, startPrivateNode } from "../fixtures/rabbitmq_node.ts";

const { signal } = new AbortController();
const USERNAME = "lagoon";
const PASSWORD = "p@ss:w/ö?r#d%41&";

/** Certificates in a folder: the broker's is for the name broker.example alone, and ours is signed, too. */
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

function run(node: PrivateNode, tls: Partial<ClientTls> | undefined): PublisherRun {
  const none = { verify: true, serverName: "", caFile: "", certFile: "", keyFile: "" };
  return runPublisher({
    host: "127.0.0.1",
    port: node.port,
    username: USERNAME,
    password: PASSWORD,
    tls: tls && { ...none, ...tls },
  });
}

async function assertDelivers(node: PrivateNode, tls: Partial<ClientTls>): Promise<PublisherRun["log"]> {
  await using running = run(node, tls);
  await running.untilReady();
  await running.publisher.publish(message(crypto.randomUUID()), { signal });
  return running.log;
}

async function assertRefused(
  node: PrivateNode,
  tls: Partial<ClientTls> | undefined,
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
    "over TLS, messages go only to a broker whose certificate is that of the name and the CA",
  ),
  fn: async () => {
    await using parts = new AsyncDisposableStack();
    const folder = await createFolder(parts);
    const other = await createFolder(parts);
    const node = await startTlsNode(parts, folder, "");
    const caFile = `${folder}/ca.crt`;
    await assertDelivers(node, { caFile, serverName: "broker.example" });
    await assertRefused(
      node,
      { caFile },
      /altnames: .*: set RABBITMQ_SERVER_NAME to a name in the certificate$/,
    );
    await assertRefused(
      node,
      { caFile: `${other}/ca.crt`, serverName: "broker.example" },
      /: set RABBITMQ_CACERT to the CA that signed it$/,
    );
    // The well-known authorities did not sign it either.
    await assertRefused(
      node,
      { serverName: "broker.example" },
      /: set RABBITMQ_CACERT to the CA that signed it$/,
    );
    await assertRefused(
      node,
      { caFile: `${folder}/none.crt` },
      /^Cannot read \S+none\.crt for TLS to the broker: .*: provide the file, or correct RABBITMQ_CACERT$/,
    );
    await assertRefused(
      node,
      { caFile: `${folder}/ca.key` },
      /ca\.key .* has no PEM block "CERTIFICATE": correct the file, or RABBITMQ_CACERT$/,
    );
    const broken = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
    await Deno.writeTextFile(`${folder}/half.crt`, await Deno.readTextFile(caFile) + broken);
    await assertRefused(
      node,
      { caFile: `${folder}/half.crt`, serverName: "broker.example" },
      /half\.crt .* certificate 2 of 2 is broken: correct the file, or RABBITMQ_CACERT$/,
    );
    await assertRefused(node, undefined, /closed abruptly|ECONNRESET/);
  },
});

Deno.test({
  ...needsPrivateNode("without verification anybody's certificate will do, and the log says so once"),
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
  ...needsPrivateNode("a broker that asks for a certificate gets ours, read again for each connection"),
  fn: async () => {
    await using parts = new AsyncDisposableStack();
    const folder = await createFolder(parts);
    const node = await startTlsNode(
      parts,
      folder,
      "ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true",
    );
    const tls = { caFile: `${folder}/ca.crt`, serverName: "broker.example" };
    await assertRefused(node, tls, /: set RABBITMQ_CLIENTCERT and RABBITMQ_CLIENTKEY to ours$/);
    const files = { certFile: `${folder}/later.crt`, keyFile: `${folder}/later.key` };
    await using running = run(node, { ...tls, ...files });
    await running.untilLogged("Broker not reachable");
    await Deno.copyFile(`${folder}/client.key`, files.keyFile);
    await Deno.copyFile(`${folder}/client.crt`, files.certFile);
    await running.untilReady();
    await running.publisher.publish(message("one"), { signal });
  },
});
