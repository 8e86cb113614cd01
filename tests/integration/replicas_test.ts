/** Two replicas with leader election: whole programs, a real kube-apiserver, a real RabbitMQ. */
import assert from "node:assert/strict";
import { TestCluster } from "../fixtures/cluster.ts";
import { ignoredWithoutApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { createPod, type Pod } from "../fixtures/pod.ts";
import { freePorts } from "../fixtures/ports.ts";
import { type RunningProgram, startProgram } from "../fixtures/program.ts";
import { needsBroker, startBroker, takeMessages, type TestBroker } from "../fixtures/rabbitmq.ts";
import { until } from "../fixtures/until.ts";

const NAMESPACE = "proj-main";
const CONFIG_MAPS = 300;
const PROCESSED = "lagoon.sh/insightsProcessed";

/** Starts a replica as if in a pod of namespace lagoon. */
function startReplica(
  name: string,
  pod: Pod,
  broker: TestBroker,
): RunningProgram {
  const [webPort = 0, healthPort = 0] = freePorts(2);
  const program = startProgram({
    webPort,
    healthPort,
    env: {
      HOSTNAME: name,
      LEADER_ELECT: "true",
      ...pod.env,
      INSIGHTS_TOKEN_SECRET: "the-secret-of-the-replicas-test",
      RABBITMQ_ADDRESS: `${broker.host}:${broker.port}`,
      RABBITMQ_USERNAME: broker.username,
      RABBITMQ_PASSWORD: broker.password,
    },
  });
  program.stdout.pipeTo(new WritableStream()).catch(() => {});
  return program;
}

async function leaseHolder(cluster: TestCluster): Promise<string> {
  const path = "/apis/coordination.k8s.io/v1/namespaces/lagoon/leases/ac8a682b.lagoon.sh";
  const lease = await cluster.send("GET", path, { allow: [404] }) as { spec?: { holderIdentity?: string } };
  return lease.spec?.holderIdentity ?? "";
}

async function countProcessed(cluster: TestCluster): Promise<number> {
  const objects = await cluster.list("configmaps", NAMESPACE);
  return objects.filter(({ metadata }) => metadata.labels?.[PROCESSED]).length;
}

const { name, ignore } = ignoredWithoutApiserver(
  "when the leader is killed during a drain, the other replica takes over: everything is delivered, and nothing is marked unsent",
);
Deno.test({
  ...(ignore ? { name, ignore } : needsBroker(name)),
  fn: async () => {
    await using parts = new AsyncDisposableStack();
    const [api, broker] = await Promise.all([startKubeApiserver(), startBroker()]);
    parts.use(api);
    parts.use(broker);
    const cluster = parts.use(new TestCluster(api));
    const pod = parts.use(await createPod(api));
    await cluster.createNamespace("lagoon");
    await cluster.createNamespace(NAMESPACE, LAGOON_NAMESPACE_LABELS);

    const replicas = ["one", "two"].map((replica) => parts.use(startReplica(replica, pod, broker)));
    await Promise.all(replicas.map((replica) => replica.untilReady()));
    await until("one of them leads", async () => await leaseHolder(cluster) !== "");
    const isFirst = (await leaseHolder(cluster)).startsWith("one_");
    const [leader, follower] = isFirst ? replicas : replicas.toReversed();
    assert.ok(leader && follower);
    const names = Array.from({ length: CONFIG_MAPS }, (_, index) => `sbom-${index}`);
    await Promise.all(names.map((configMap) =>
      cluster.create(
        "configmaps",
        NAMESPACE,
        sbomConfigMap({
          name: configMap,
          binaryData: { [configMap]: btoa(configMap.padEnd(3000)) },
        }),
      )
    ));
    await until("the drain has begun", async () => await countProcessed(cluster) > 0);
    await leader.kill();
    assert.ok(await countProcessed(cluster) < CONFIG_MAPS, "the drain was over before the leader was killed");

    // Every replica takes posts, leading or not.
    const answer = await fetch(`${follower.webUrl}/facts`, { method: "POST", body: "[]" });
    assert.equal(answer.status, 401);
    await answer.body?.cancel();

    await until("all are processed", async () => await countProcessed(cluster) === CONFIG_MAPS);
    assert.match(await leaseHolder(cluster), isFirst ? /^two_/ : /^one_/);
    const delivered = (await takeMessages(broker)).map(({ content }) =>
      Object.keys(JSON.parse(content.toString()).binaryPayload)[0]
    );
    assert.deepEqual([...new Set(delivered)].sort(), names.toSorted());
    // The leader's only worker may have had one that was confirmed and not yet marked.
    assert.ok(delivered.length - CONFIG_MAPS <= 1, `${delivered.length - CONFIG_MAPS} were delivered twice`);

    assert.equal(await follower.stop(), 0, follower.log());
    assert.equal(await leaseHolder(cluster), "");
  },
});
