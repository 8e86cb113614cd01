/** API servers that fail, stop or change their credentials, embedded and in simulated time. */
import assert from "node:assert/strict";
import type { Clock } from "../../lib/clock.ts";
import { serviceAccountAccess } from "../../lib/kube/credentials.ts";
import type { RequestRecord } from "../fixtures/api_server/mod.ts";
import { needsCommands } from "../fixtures/commands.ts";
import { createCertificates } from "../fixtures/certificates.ts";
import type { TcpProxy } from "../fixtures/tcp_proxy.ts";
import {
  breakWatches,
  BROKEN_OFF,
  collectGarbage,
  count,
  type EmbeddedScene,
  isProgram,
  RESOURCES,
  startEmbeddedScene,
  testFault as test,
  watches,
} from "../suites/embedded_faults.ts";
import { assertNoStorm } from "../suites/fault_scene.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const UNREACHABLE = /^(Watch interrupted|Reconcile failed): .*(error sending request|error reading a body)/;

function areAlive({ checks }: EmbeddedScene): boolean {
  return Object.values(checks).every((isAlive) => isAlive());
}

test("after minutes of errors, pending and new ConfigMaps are sent", async (scene) => {
  let failing = true;
  scene.server.faults.add({
    fault: { kind: "status", status: 500 },
    match: (request) => failing && isProgram(request),
    times: Number.POSITIVE_INFINITY,
  });
  await scene.create("before");
  await scene.passUntil(() => scene.log.with("Reconcile failed").length > 0);
  await breakWatches(scene);
  await scene.create("during");
  await scene.pass(6 * MINUTE);
  assert.equal(areAlive(scene), false);
  failing = false;
  assert.ok(await scene.untilSent("before", "during") <= MINUTE);
  await scene.passUntil(() => areAlive(scene));
  await scene.verify(["before", "during"], [BROKEN_OFF, /answered 500/]);
});

test("after minutes without a server, all changes meanwhile are handled", async (scene) => {
  const { cluster, namespace, proxy, server } = scene;
  await scene.create("before");
  await scene.create("deleted");
  await scene.untilSent("before", "deleted");
  proxy.refuse();
  await scene.create("during");
  await scene.create("short-lived");
  await cluster.delete("configmaps", namespace, "short-lived");
  await cluster.delete("configmaps", namespace, "deleted");
  await cluster.delete("secrets", namespace, "insights-token");
  await scene.pass(10 * MINUTE);
  assert.equal(areAlive(scene), false);
  // One per 15 seconds, and the first ones sooner.
  for (const resource of RESOURCES) {
    assert.ok(count(scene, "watch", resource) + count(scene, "list", resource) <= 50);
  }
  proxy.restore();
  assert.ok(await scene.untilSent("during") <= 30 * SECOND);
  await scene.passUntil(() => areAlive(scene) && !!server.get("secrets", namespace, "insights-token"));
  await scene.verify(["before", "deleted", "during"], [UNREACHABLE]);
});

test("a server that stops between confirm and mark causes no duplicate", async (scene) => {
  const { server, publisher } = scene;
  const names = Array.from({ length: 6 }, (_, index) => `many-${index}`);
  const gone = Promise.withResolvers<void>();
  let publishing = 0;
  publisher.beforeConfirm = () => {
    publishing += 1;
    return gone.promise;
  };
  for (const name of names) await scene.create(name);
  await scene.passUntil(() => publishing === 2);
  await server.refuse(true);
  gone.resolve();
  await scene.pass(3 * MINUTE);
  assert.equal(scene.sent().length, 2);
  await server.refuse(false);
  assert.ok(await scene.untilSent(...names) <= MINUTE);
  await scene.verify(names, [UNREACHABLE]);
});

/** The files of a ServiceAccount, and the certificates of its API server. */
async function createServiceAccount() {
  await using stack = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "service-account-" });
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  const [serving, next] = [`${directory}/serving`, `${directory}/next`];
  for (const folder of [serving, next]) await Deno.mkdir(folder);
  const tls = await createCertificates(serving);
  const write = (file: "token" | "ca.crt", text: string) => Deno.writeTextFile(`${directory}/${file}`, text);
  await Promise.all([write("token", "first-token"), write("ca.crt", tls.caCertificate)]);
  const owned = stack.move();
  return {
    write,
    /** The server reads it again when it restarts. */
    tls: { ...tls },
    next: await createCertificates(next),
    access: ({ port }: TcpProxy, clock: Clock) =>
      serviceAccountAccess({ directory, host: "127.0.0.1", port: String(port) }, {
        clock,
        readTextFile: (path) => Deno.readTextFile(path),
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

Deno.test({
  ...needsCommands(
    ["openssl"],
    "embedded API server: a rejected token is read from its file again at once",
  ),
  fn: async () => {
    await using account = await createServiceAccount();
    const { tls, access } = account;
    await using scene = await startEmbeddedScene({ tls, access, caCertificate: tls.caCertificate });
    const { server, asked } = scene;
    const began = asked.length;
    let refused = 0;
    await account.write("token", "second-token\n");
    server.faults.add({
      fault: { kind: "status", status: 401 },
      match: ({ headers }) => headers.get("authorization") === "Bearer first-token" && ++refused > 0,
      times: Number.POSITIVE_INFINITY,
    });
    await scene.create("during");
    await breakWatches(scene);
    assert.ok(await scene.untilSent("during") <= 15 * SECOND);
    await server.until(() => watches(server).filter(({ status }) => status === 200).length >= 6);
    assert.ok(refused >= 1 && refused <= 4, `${refused} requests came with the old token`);
    assert.ok(asked.length - began <= 6);
    for (const resource of RESOURCES) assert.equal(count(scene, "list", resource), 1);
    await scene.verify(["during"], [BROKEN_OFF, /answered 401/]);
  },
});

Deno.test({
  ...needsCommands(
    ["openssl"],
    "embedded API server: a new CA is trusted within a minute of its certificate being on disk",
  ),
  fn: async () => {
    await using account = await createServiceAccount();
    const { tls, next, access } = account;
    const caCertificate = tls.caCertificate + next.caCertificate;
    await using scene = await startEmbeddedScene({ tls, access, caCertificate });
    const { server } = scene;
    await scene.create("before");
    await scene.untilSent("before");
    await server.refuse(true);
    Object.assign(tls, next);
    await server.refuse(false);
    // The test's own connection broke, too: its first request fails.
    await scene.create("unseen").catch(() => {});
    await scene.create("during");
    const answered = watches(server).length;
    const asked = scene.asked.length;
    await scene.pass(100 * SECOND);
    assert.ok(scene.asked.length > asked);
    assert.equal(watches(server).length, answered);
    await account.write("ca.crt", next.caCertificate);
    assert.ok(await scene.untilSent("during") <= MINUTE);
    await scene.passUntil(() => areAlive(scene));
    await scene.verify(["before", "during"], [UNREACHABLE]);
  },
});

const WARM_UP = 150;
const CYCLES = 300;
/** About a kilobyte is noise; a listener left by each watch is more. */
const MOST_BYTES_PER_CYCLE = 2_500;

test(`${CYCLES} broken watches leak neither memory nor timers, and silent watches are still abandoned`, async (scene) => {
  const { server, log, clock, asked } = scene;
  const timers = clock.pending;
  const requests = server.requests as RequestRecord[];
  const cycle = async () => {
    log.lines.length = asked.length = requests.length = 0;
    await breakWatches(scene);
    await clock.advance(30 * SECOND);
    await server.until(() => watches(server).length === RESOURCES.length);
    assertNoStorm(asked);
  };
  for (let round = 0; round < WARM_UP; round++) await cycle();
  const before = await usedHeap();
  for (let round = 0; round < CYCLES; round++) await cycle();
  const grown = (await usedHeap() - before) / CYCLES;
  assert.ok(grown < MOST_BYTES_PER_CYCLE, `${grown} bytes leaked per cycle`);
  assert.equal(clock.pending, timers);
  // Optimised code releases what it doesn't use; that must not include the timeout of a watch.
  server.silenceWatches();
  await scene.pass(155 * SECOND);
  for (const resource of RESOURCES) assert.equal(count(scene, "watch", resource), 2);
});

async function usedHeap(): Promise<number> {
  await collectGarbage();
  return Deno.memoryUsage().heapUsed;
}
