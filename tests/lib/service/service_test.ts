/** What a whole program shows only by chance; tests/integration/program_test.ts tests the rest. */
import assert from "node:assert/strict";
import { systemClock } from "../../../lib/clock.ts";
import { buildConfig } from "../../../lib/config/config.ts";
import { readValues } from "../../../lib/config/read.ts";
import type { ClusterAccess } from "../../../lib/kube/credentials.ts";
import { logHowToReach, serve } from "../../../lib/service/service.ts";
import { MemoryLogger } from "../../fixtures/recorders.ts";

const VARIABLES: Readonly<Record<string, string>> = {
  INSIGHTS_TOKEN_SECRET: "the-secret-of-the-service-test",
  RABBITMQ_ENABLED: "false",
  ENABLE_WEBSERVICE: "false",
  HEALTH_PROBE_BIND_ADDRESS: "0",
};

/** Must not be asked for anything. */
const unreachable: ClusterAccess = {
  server: "http://127.0.0.1:1",
  connect: () => Promise.resolve({ client: undefined, headers: {} }),
  namespace: () => Promise.resolve("lagoon"),
  invalidate: () => {},
  close: () => {},
};

Deno.test("a signal that aborts while access to the cluster is opened stops the service", async () => {
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
    readTextFile: () => Promise.reject(new Error("unexpected read")),
    writeMessage: () => {},
  }, { signal: controller.signal });
  assert.deepEqual(log.lines.map(({ message }) => message), ["Started", "Stopping", "Stopped"]);
});

Deno.test("logHowToReach() logs address and command in one line, and the command needs no escapes", () => {
  const log = new MemoryLogger();
  logHowToReach(log, 8888);
  const [line, ...others] = log.lines;
  assert.deepEqual([line?.level, others], ["info", []]);
  assert.equal(line?.fields?.["url"], "http://localhost:8888");
  const post = String(line?.fields?.["post"]);
  assert.match(post, / http:\/\/localhost:8888\/facts /);
  assert.equal(JSON.stringify(post), `"${post}"`);
});

Deno.test("logHowToReach() logs nothing when posts are off", () => {
  const log = new MemoryLogger();
  logHowToReach(log, undefined);
  assert.deepEqual(log.lines, []);
});
