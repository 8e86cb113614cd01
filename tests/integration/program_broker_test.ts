/** The whole program with a RabbitMQ that has a memory alarm, and with one that accepts only TLS. */
import assert from "node:assert/strict";
import { issueToken } from "../../lib/tokens.ts";
import { createCertificates } from "../fixtures/certificates.ts";
import { type RunningProgram, startWithoutCluster } from "../fixtures/program.ts";
import { needsPrivateNode, takeMessages } from "../fixtures/rabbitmq.ts";
import { type PrivateNode, startPrivateNode } from "../fixtures/rabbitmq_node.ts";

const SECRET = "the-secret-of-the-program-broker-test";
const ENVIRONMENT = {
  namespace: "proj-main",
  environmentId: "3",
  projectName: "proj",
  environmentName: "main",
};

function start(node: PrivateNode, env: Readonly<Record<string, string>> = {}): RunningProgram {
  return startWithoutCluster({
    INSIGHTS_TOKEN_SECRET: SECRET,
    RABBITMQ_ADDRESS: `${node.host}:${node.port}`,
    ...env,
  });
}

interface Answered {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly milliseconds: number;
}

async function post(program: RunningProgram): Promise<Answered> {
  const startedAt = performance.now();
  const response = await fetch(`${program.webUrl}/facts`, {
    method: "POST",
    headers: { authorization: issueToken(SECRET, ENVIRONMENT) },
    body: JSON.stringify([{ name: "a", value: "b", source: "s" }]),
  });
  await response.body?.cancel();
  const milliseconds = performance.now() - startedAt;
  return { status: response.status, retryAfter: response.headers.get("retry-after"), milliseconds };
}

Deno.test({
  ...needsPrivateNode(
    "during a broker alarm posts get 503 at once and the program is not ready; both end with the alarm",
  ),
  fn: async () => {
    await using node = await startPrivateNode();
    await using program = start(node);
    await program.untilReady();
    assert.equal((await post(program)).status, 200);
    await node.control("set_vm_memory_high_watermark", "0.0000001");
    // The broker reports its alarm only after the first publish.
    for (let count = 0; count < 3; count++) {
      const { status, retryAfter, milliseconds } = await post(program);
      assert.equal(status, 503);
      assert.match(retryAfter ?? "", /^[1-9][0-9]*$/);
      assert.ok(milliseconds < 1000, `${milliseconds} ms`);
    }
    const readiness = await fetch(`${program.healthUrl}/readyz`);
    assert.equal(readiness.status, 500);
    assert.deepEqual((await readiness.text()).match(/^\[-\].*/gm), ["[-]broker failed: reason withheld"]);
    await node.control("set_vm_memory_high_watermark", "0.4");
    await program.untilReady();
    assert.equal((await post(program)).status, 200);
    assert.equal(await program.stop(), 0);
    // The two answered with 200, and the one that waited in the broker's socket.
    assert.equal((await takeMessages(node)).length, 3);
  },
});

Deno.test({
  ...needsPrivateNode(
    "configured by environment variables alone, the program reaches a broker that accepts only TLS",
  ),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      await createCertificates(folder, "DNS:broker.example");
      await using node = await startPrivateNode({
        plain: false,
        configuration: [
          "listeners.tcp = none",
          "listeners.ssl.1 = 127.0.0.1:PORT",
          `ssl_options.certfile = ${folder}/server.crt`,
          `ssl_options.keyfile = ${folder}/server.key`,
          "",
        ].join("\n"),
      });
      await using program = start(node, {
        RABBITMQ_TLS: "true",
        RABBITMQ_CACERT: `${folder}/ca.crt`,
        RABBITMQ_SERVER_NAME: "broker.example",
      });
      await program.untilReady();
      assert.equal((await post(program)).status, 200);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
