/** The reconcile suite on the embedded API server. */
import { startApiServer } from "../fixtures/api_server/mod.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { configMapMarksSuite } from "../suites/configmap_marks_suite.ts";
import { configMapSuite } from "../suites/configmap_suite.ts";
import type { ClusterFactory } from "../suites/harness.ts";
import { scannerSuite } from "../suites/scanner_suite.ts";
import { tokenSuite } from "../suites/token_suite.ts";
import { trackFaultSuite } from "../suites/track_fault_suite.ts";
import { trackSiteSuite } from "../suites/track_site_suite.ts";
import { trackSuite } from "../suites/track_suite.ts";

const factory: ClusterFactory = {
  name: "embedded API server",
  start: async () => {
    const token = "suite-token";
    const server = await startApiServer({ token });
    const cluster = new TestCluster({ url: server.url, token });
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
configMapMarksSuite(factory);
tokenSuite(factory);
trackSuite(factory);
trackFaultSuite(factory);
trackSiteSuite(factory);
scannerSuite(factory);
