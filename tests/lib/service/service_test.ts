/** What a whole program shows only by chance; all else about the service is in tests/integration/program_test.ts. */
import assert from "node:assert/strict";
import { systemClock } from "../../../lib/clock.ts";
import { buildConfig } from "../../../lib/config/config.ts";
import { readValues } from "../../../lib/config/read.ts";
import type { ClusterAccess } from "../../../lib/kube/credentials.ts";
import { serve } from "../../../lib/service/service.ts";
import { MemoryLogger } from "../../fixtures/recorders.ts";

const VARIABLES: Readonly<Record<string, string>> = {
  INSIGHTS_TOKEN_SECRET: "the-secret-of-the-service-test",
  RABBITMQ_ENABLED: "false",
  ENABLE_WEBSERVICE: "false",
  HEALTH_PROBE_BIND_ADDRESS: "0",
};

/** Nothing is to be asked of it. */
const unreachable: ClusterAccess = {
  server: "http://127.0.0.1:1",
  httpClient: () => Promise.resolve(undefined),
  headers: () => Promise.resolve({}),
  namespace: () => Promise.resolve("lagoon"),
  invalidate: () => {},
  close: () => {},
};

Deno.test("a stop that is asked for while the cluster is being opened is obeyed", async () => {
  const readVariable = (name: string) => VARIABLES[name];
  const controller = new AbortController();
  const log = new MemoryLogger();
  await serve(buildConfig(readValues([], readVariable).values, readVariable), {
    clock: systemClock,
    random: () => 0,
    newId: () => "id",
    log,
    openCluster: () => {
      controller.abort();
      return Promise.resolve(unreachable);
    },
    readTextFile: () => Promise.reject(new Error("nothing is to be read")),
    writeMessage: () => {},
  }, { signal: controller.signal });
  assert.deepEqual(log.lines.map(({ message }) => message), ["Started", "Stopping", "Stopped"]);
});
