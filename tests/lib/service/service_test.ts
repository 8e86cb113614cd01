/** What a whole program shows only by chance; tests/integration/program_test.ts tests the rest. */
import assert from "node:assert/strict";
import { Server } from "node:http";
import { systemClock } from "../../../lib/clock.ts";
import { buildConfig } from "../../../lib/config/config.ts";
import { readValues } from "../../../lib/config/read.ts";
import type { ClusterAccess } from "../../../lib/kube/credentials.ts";
import { serve } from "../../../lib/service/service.ts";
import { freePorts } from "../../fixtures/ports.ts";
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

Deno.test("/readyz fails once the listener for posts is closed", async () => {
  const [webPort = 0, healthPort = 0] = freePorts(2);
  const listeners = new Map<number, Server>();
  const { listen } = Server.prototype;
  Server.prototype.listen = function (this: Server, ...options: unknown[]) {
    listeners.set((options[0] as { port: number }).port, this);
    return Reflect.apply(listen, this, options);
  };
  using _ = { [Symbol.dispose]: () => void (Server.prototype.listen = listen) };
  const variables: Readonly<Record<string, string>> = {
    ...VARIABLES,
    ENABLE_CONFIGMAP_RECONCILER: "false",
    ENABLE_NAMESPACE_RECONCILER: "false",
    ENABLE_WEBSERVICE: "true",
    WEBSERVICE_PORT: String(webPort),
    HEALTH_PROBE_BIND_ADDRESS: `127.0.0.1:${healthPort}`,
  };
  const readVariable = (name: string) => variables[name];
  const controller = new AbortController();
  const started = Promise.withResolvers<void>();
  const log = new MemoryLogger();
  const { info } = log;
  log.info = (message, fields) => {
    info.call(log, message, fields);
    if (message === "Started") started.resolve();
  };
  const serving = serve(buildConfig(readValues([], readVariable).values, readVariable), {
    clock: systemClock,
    random: () => 0,
    newId: () => "id",
    log,
    openCluster: () => Promise.resolve(unreachable),
    readTextFile: () => Promise.reject(new Error("unexpected read")),
    writeMessage: () => {},
  }, { signal: controller.signal });
  await started.promise;
  const ready = async () => await (await fetch(`http://127.0.0.1:${healthPort}/readyz`)).text();
  assert.equal(await ready(), "ok");
  listeners.get(webPort)!.emit("error", new Error("accept failed"));
  assert.equal(log.with("Listening for posts failed").length, 1);
  listeners.get(webPort)!.close();
  assert.deepEqual((await ready()).match(/^\[-\].*/gm), ["[-]posts failed: reason withheld"]);
  controller.abort();
  await serving;
});
