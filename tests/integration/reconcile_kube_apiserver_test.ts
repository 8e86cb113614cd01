/** The reconcile suite on a real kube-apiserver. */
import { TestCluster } from "../fixtures/cluster.ts";
import { ASSETS_VARIABLE, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { configMapSuite } from "../suites/configmap_suite.ts";
import type { ClusterFactory } from "../suites/harness.ts";
import { tokenSuite } from "../suites/token_suite.ts";

const factory: ClusterFactory = {
  name: "kube-apiserver",
  // In CI a missing variable fails at the start: a run that proves nothing must not look like a proof.
  ignored: Deno.env.get(ASSETS_VARIABLE) || Deno.env.get("CI") === "true"
    ? undefined
    : `${ASSETS_VARIABLE} is not set`,
  start: async () => {
    const server = await startKubeApiserver();
    const cluster = new TestCluster(server);
    return {
      cluster,
      [Symbol.asyncDispose]: async () => {
        cluster[Symbol.dispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  },
};

configMapSuite(factory);
tokenSuite(factory);
