import assert from "node:assert/strict";
import { type Clock, systemClock } from "../../../lib/clock.ts";
import { createKubeClient, type WatchOptions } from "../../../lib/kube/client.ts";
import type { ClusterAccess } from "../../../lib/kube/credentials.ts";
import { RESOURCES } from "../../../lib/kube/objects.ts";
import type { WatchEvent } from "../../../lib/kube/watch_stream.ts";
import { startApiServer, type Users } from "../../fixtures/api_server/mod.ts";
import { ManualClock } from "../../fixtures/clock.ts";
import { TestCluster } from "../../fixtures/cluster.ts";
import { listPage } from "../../fixtures/list_page.ts";
import { sbomConfigMap } from "../../fixtures/objects.ts";

const { configMaps, namespaces } = RESOURCES;
const { signal } = new AbortController();
const KEY = { namespace: "main", name: "web" };

/** A server with a namespace `main`, and a client of it. */
async function setUp(
  { clock = systemClock, token = "token", users = new Map() }: {
    clock?: Clock;
    token?: string;
    users?: Users;
  } = {},
) {
  const server = startApiServer({ token: "token", users });
  const cluster = new TestCluster({ url: server.url, token: "token" });
  await cluster.createNamespace("main");
  const access = cluster.access(token);
  return {
    server,
    cluster,
    client: createKubeClient({ access, clock }),
    [Symbol.asyncDispose]: async () => {
      access.close();
      cluster[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

function watchOptions(resourceVersion: string, overrides: Partial<WatchOptions> = {}): WatchOptions {
  return { resourceVersion, timeoutSeconds: 60, idleMs: 60_000, onTooLarge: () => {}, signal, ...overrides };
}

Deno.test("list() returns metadata only, page by page, and where a watch can start", async () => {
  await using setup = await setUp();
  for (const name of ["a", "b", "c"]) {
    await setup.cluster.create("configmaps", "main", sbomConfigMap({ name }));
  }
  const labelSelector = "lagoon.sh/insightsType";
  const first = await listPage(setup.client, configMaps, { labelSelector, limit: 2, signal });
  const { continueToken } = first;
  const second = await listPage(setup.client, configMaps, { labelSelector, limit: 2, continueToken, signal });
  const items = [...first.items, ...second.items];
  assert.deepEqual(items.map(({ metadata }) => metadata.name), ["a", "b", "c"]);
  assert.ok(items.every((item) => !("binaryData" in item)));
  assert.equal(second.continueToken, undefined);
  assert.match(second.resourceVersion, /^\d+$/);
});

/** A client of a server that answers with `answer(limit)`. */
function clientOf(answer: (limit: number) => string) {
  const limits: number[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, ({ url }) => {
    const limit = Number(new URL(url).searchParams.get("limit"));
    limits.push(limit);
    return new Response(answer(limit));
  });
  const cluster = new TestCluster({ url: `http://127.0.0.1:${server.addr.port}`, token: "token" });
  const access = cluster.access();
  return {
    limits,
    client: createKubeClient({ access, clock: systemClock }),
    [Symbol.asyncDispose]: async () => {
      access.close();
      cluster[Symbol.dispose]();
      await server.shutdown();
    },
  };
}

Deno.test("list() reads lists in any order of members, and without items", async () => {
  const lists = [
    '{"items":[{"metadata":{"name":"a"}}],"metadata":{"resourceVersion":"7","continue":""}}',
    '{"kind":"List","metadata":{"resourceVersion":"8"},"items":null}',
  ];
  await using setup = clientOf(() => lists.shift() ?? "{}");
  const page = await listPage(setup.client, configMaps, { limit: 10, signal });
  assert.deepEqual(page, {
    items: [{ metadata: { name: "a" } }],
    resourceVersion: "7",
    continueToken: undefined,
  });
  assert.deepEqual((await listPage(setup.client, configMaps, { limit: 10, signal })).items, []);
});

Deno.test("list() of one namespace leaves out the others", async () => {
  await using setup = await setUp();
  const { client, server } = setup;
  for (const namespace of ["default", "kube-public"]) {
    await client.create(configMaps, { namespace, name: "web" }, {}, { signal });
  }
  const { items } = await listPage(client, configMaps, { namespace: "default", limit: 10, signal });
  assert.deepEqual(items.map(({ metadata }) => metadata.namespace), ["default"]);
  assert.equal(server.requests.at(-1)?.path, "/api/v1/namespaces/default/configmaps");
});

Deno.test("list() of nothing is empty", async () => {
  await using setup = await setUp();
  const page = await listPage(setup.client, configMaps, {
    labelSelector: "nobody-has-this",
    limit: 2,
    signal,
  });
  assert.deepEqual(page.items, []);
});

Deno.test("get() returns the whole object, getMetadata() its metadata", async () => {
  await using setup = await setUp();
  await setup.cluster.create("configmaps", "main", sbomConfigMap({ name: "web" }));
  const whole = await setup.client.get(configMaps, KEY, { signal });
  assert.deepEqual(whole.binaryData, sbomConfigMap().binaryData);
  const metadata = await setup.client.getMetadata(configMaps, KEY, { signal });
  assert.equal(metadata.metadata.uid, whole.metadata.uid);
  assert.ok(!("binaryData" in metadata));
});

Deno.test("create() creates in a namespace, and fails when the name is taken", async () => {
  await using setup = await setUp();
  await setup.client.create(configMaps, KEY, { data: { a: "b" } }, { signal });
  assert.deepEqual((await setup.cluster.get("configmaps", "main", "web"))?.data, { a: "b" });
  await assert.rejects(setup.client.create(configMaps, KEY, { data: {} }, { signal }), {
    name: "KubeError",
    status: 409,
  });
});

Deno.test("ask() returns the status of a review, and its errors don't hold the question", async () => {
  const users = new Map([["user-token", { name: "somebody", paths: [] }]]);
  await using setup = await setUp({ users });
  const { tokenReviews } = RESOURCES;
  const status = await setup.client.ask<{ user: { username: string } }>(
    tokenReviews,
    { token: "user-token" },
    {
      signal,
    },
  );
  assert.equal(status.user.username, "somebody");
  setup.server.faults.add({ fault: { kind: "status", status: 403 } });
  await assert.rejects(setup.client.ask(tokenReviews, { token: "user-token" }, { signal }), {
    status: 403,
    message: /^Cannot create tokenreviews as the API server answered 403: (?!.*user-token)/,
  });
});

Deno.test("apply() changes our fields only, and with a uid never creates", async () => {
  await using setup = await setUp();
  const { metadata } = await setup.cluster.create(
    "configmaps",
    "main",
    sbomConfigMap({ name: "web", labels: { a: "1" } }),
  );
  const version = { uid: metadata.uid, resourceVersion: metadata.resourceVersion };
  const applied = await setup.client.apply(
    configMaps,
    KEY,
    { metadata: { ...version, labels: { b: "2" } } },
    { signal },
  );
  assert.deepEqual(applied.metadata.labels, { a: "1", b: "2" });
  assert.ok(!("binaryData" in applied));
  await assert.rejects(
    setup.client.apply(configMaps, KEY, { metadata: { ...version, labels: {} } }, { signal }),
    {
      status: 409,
    },
  );
  await setup.cluster.delete("configmaps", "main", "web");
  await assert.rejects(
    setup.client.apply(configMaps, KEY, { metadata: { uid: metadata.uid, labels: { b: "2" } } }, { signal }),
    { status: 409 },
  );
  assert.equal(await setup.cluster.get("configmaps", "main", "web"), undefined);
});

Deno.test("apply() takes over a label that another manager has set", async () => {
  await using setup = await setUp();
  await setup.cluster.create("configmaps", "main", sbomConfigMap({ name: "web", labels: { a: "1" } }));
  const applied = await setup.client.apply(configMaps, KEY, { metadata: { labels: { a: "2" } } }, { signal });
  assert.deepEqual(applied.metadata.labels, { a: "2" });
});

Deno.test("patch() removes a label of any manager", async () => {
  await using setup = await setUp();
  await setup.cluster.create(
    "configmaps",
    "main",
    sbomConfigMap({ name: "web", labels: { a: "1", b: "2" } }),
  );
  const patched = await setup.client.patch(configMaps, KEY, { metadata: { labels: { a: null } } }, {
    signal,
  });
  assert.deepEqual(patched.metadata.labels, { b: "2" });
});

Deno.test("delete() deletes only what was read", async () => {
  await using setup = await setUp();
  const { metadata } = await setup.cluster.create("configmaps", "main", sbomConfigMap({ name: "web" }));
  await setup.cluster.mark("configmaps", "main", "web", { annotations: { note: "changed" } });
  const stale = { uid: metadata.uid, resourceVersion: metadata.resourceVersion };
  await assert.rejects(setup.client.delete(configMaps, KEY, stale, { signal }), { status: 409 });
  const current = await setup.client.getMetadata(configMaps, KEY, { signal });
  await setup.client.delete(configMaps, KEY, {
    uid: metadata.uid,
    resourceVersion: current.metadata.resourceVersion,
  }, {
    signal,
  });
  await assert.rejects(setup.client.get(configMaps, KEY, { signal }), {
    status: 404,
    code: "kubernetes-404",
  });
});

Deno.test("watch() yields changes and bookmarks until the server ends it", async () => {
  await using setup = await setUp();
  const { resourceVersion } = await listPage(setup.client, configMaps, { limit: 10, signal });
  await setup.cluster.create("configmaps", "main", sbomConfigMap({ name: "web" }));
  const options = watchOptions(resourceVersion, {
    labelSelector: "lagoon.sh/insightsType",
    timeoutSeconds: 1,
  });
  const seen: WatchEvent[] = [];
  for await (const event of setup.client.watch(configMaps, options)) {
    seen.push(event);
    if (event.type === "ADDED") {
      await setup.cluster.mark("configmaps", "main", "web", {
        labels: { "lagoon.sh/insightsType": null },
      });
    }
    if (event.type === "DELETED") setup.server.emitBookmarks();
  }
  assert.deepEqual([...new Set(seen.map(({ type }) => type))], ["ADDED", "DELETED", "BOOKMARK"]);
  assert.ok(!("binaryData" in seen[0]!.object));
});

Deno.test("watch() throws the server's error when its version is too old", async () => {
  await using setup = await setUp();
  await setup.cluster.create("configmaps", "main", sbomConfigMap());
  setup.server.compact();
  await assert.rejects(Array.fromAsync(setup.client.watch(configMaps, watchOptions("1"))), { status: 410 });
});

Deno.test("watch() throws when nothing arrives for too long, though the connection stays", async () => {
  const clock = new ManualClock();
  await using setup = await setUp({ clock });
  const { resourceVersion } = await listPage(setup.client, namespaces, { limit: 10, signal });
  setup.server.faults.add({ fault: { kind: "silent" } });
  const requests = setup.server.requests.length;
  const watching = Array.fromAsync(
    setup.client.watch(namespaces, watchOptions(resourceVersion, { idleMs: 1000 })),
  );
  const failing = assert.rejects(watching, { name: "KubeError", status: 0, message: /No answer within 1 s/ });
  await setup.server.until(() => setup.server.requests.length > requests);
  await clock.advance(1000);
  await failing;
});

Deno.test("watch() throws when the connection breaks", async () => {
  await using setup = await setUp();
  setup.server.faults.add({ fault: { kind: "drop" } });
  await assert.rejects(Array.fromAsync(setup.client.watch(namespaces, watchOptions("0"))), {
    name: "KubeError",
    status: 0,
  });
});

Deno.test("a request has a time limit, and ends with its signal", async () => {
  const clock = new ManualClock();
  await using setup = await setUp({ clock });
  const slow = { fault: { kind: "slow", milliseconds: 600_000 }, times: 2 } as const;
  setup.server.faults.add(slow);
  const timing = assert.rejects(setup.client.get(configMaps, KEY, { signal }), {
    message: /No answer within 30 s/,
  });
  await clock.advance(30_000);
  await timing;
  const controller = new AbortController();
  const stopping = assert.rejects(setup.client.get(configMaps, KEY, { signal: controller.signal }), {
    message: "stop",
  });
  await clock.advance(0);
  controller.abort(new Error("stop"));
  await stopping;
  assert.equal(clock.pending, 0);
});

Deno.test("an error carries the server's Retry-After", async () => {
  await using setup = await setUp();
  setup.server.faults.add({ fault: { kind: "status", status: 429, retryAfterSeconds: 7 } });
  await assert.rejects(setup.client.get(configMaps, KEY, { signal }), { status: 429, retryAfterMs: 7000 });
});

Deno.test("a rejected token is read again for the next request", async () => {
  await using setup = await setUp();
  let token = "expired";
  const access: ClusterAccess = {
    ...setup.cluster.access(),
    connect: () => Promise.resolve({ client: undefined, headers: { authorization: `Bearer ${token}` } }),
    invalidate: () => {
      token = "token";
    },
  };
  const client = createKubeClient({ access, clock: systemClock });
  await assert.rejects(listPage(client, configMaps, { limit: 1, signal }), { status: 401 });
  assert.deepEqual((await listPage(client, configMaps, { limit: 1, signal })).items, []);
  access.close();
});

Deno.test("an answer that is not from an API server is quoted, cut short", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(`<html>${"x".repeat(1000)}`, { status: 502 }),
  );
  const cluster = new TestCluster({ url: `http://127.0.0.1:${server.addr.port}`, token: "token" });
  const access = cluster.access();
  const client = createKubeClient({ access, clock: systemClock });
  const failing = client.get(configMaps, KEY, { signal });
  await assert.rejects(failing, {
    status: 502,
    message: /^Cannot get configmaps main\/web .* 502: <html>x{194}$/,
  });
  access.close();
  cluster[Symbol.dispose]();
  await server.shutdown();
  await assert.rejects(client.get(configMaps, KEY, { signal }), {
    status: 0,
    code: "kubernetes-unreachable",
  });
});
