/** The whole program as in a pod: on a real kube-apiserver, over TLS, with a ServiceAccount's files. */
import assert from "node:assert/strict";
import { TestCluster } from "../fixtures/cluster.ts";
import { ignoredWithoutApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { LAGOON_NAMESPACE_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { createPod } from "../fixtures/pod.ts";
import { freePorts } from "../fixtures/ports.ts";
import { programMemory } from "../fixtures/process_memory.ts";
import { startProgram } from "../fixtures/program.ts";

Deno.test({
  ...ignoredWithoutApiserver(
    "in a pod, the program ships a ConfigMap, creates a token, and idles below 60 MB",
  ),
  fn: async () => {
    await using api = await startKubeApiserver();
    using cluster = new TestCluster(api);
    await using pod = await createPod(api);
    const [webPort = 0, healthPort = 0] = freePorts(2);
    const program = startProgram({
      webPort,
      healthPort,
      env: {
        ...pod.env,
        INSIGHTS_TOKEN_SECRET: "the-secret-of-the-pod-test",
        RABBITMQ_ENABLED: "false",
        BURN_AFTER_READING: "TRUE",
      },
    });
    const output = new Response(program.stdout).text();
    try {
      await program.untilReady();
      assert.ok((await programMemory(program)).now < 60);
      await cluster.createNamespace("proj-main", LAGOON_NAMESPACE_LABELS);
      await cluster.create("configmaps", "proj-main", sbomConfigMap());
      const { name } = sbomConfigMap().metadata;
      await cluster.until("configmaps", "proj-main", name, (object) => object === undefined);
      await cluster.until("secrets", "proj-main", "insights-token", (secret) => secret !== undefined);
    } finally {
      assert.equal(await program.stop(), 0, program.log());
    }
    const messages = (await output).trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(messages.map(({ namespace, type }) => [namespace, type]), [["proj-main", "sbom"]]);
  },
});
