/** Limits on all connections together, and how they end. */
import assert from "node:assert/strict";
import { turn } from "../../fixtures/clock.ts";
import { parseAnswers, RawClient } from "../../fixtures/raw_client.ts";
import { get, HeldApp, postHead, startTestServer, untilConnections } from "./fixture.ts";

const never = new AbortController().signal;

Deno.test("a connection too many closes the one that has gone longest without an answer", async () => {
  await using running = await startTestServer(() => new Response("okay"), { maxConnections: 3 });
  const { server, port } = running;
  using first = await RawClient.sending(port, get("/"));
  await first.until(/okay/);
  using silent = await RawClient.connect(port);
  await untilConnections(server, 2);
  using half = await RawClient.sending(port, "GET / HTTP/1.1\r\nHost");
  await untilConnections(server, 3);
  await first.send(get("/"));
  await first.until(/okay[^]*okay/);
  using fourth = await RawClient.sending(port, get("/"));
  await fourth.until(/okay/);
  await silent.untilClosed();
  using fifth = await RawClient.sending(port, get("/"));
  await fifth.until(/okay/);
  await half.untilClosed();
  assert.deepEqual([first.isClosed, fourth.isClosed, server.connections], [false, false, 3]);
});

Deno.test("a connection whose body is arriving is closed for another, and one that is served is not", async () => {
  const app = new HeldApp();
  await using running = await startTestServer(app.fetch, { maxConnections: 2 });
  using served = await RawClient.sending(running.port, get("/served"));
  await app.untilAsked(1);
  using arriving = await RawClient.sending(running.port, postHead("/arriving", "Content-Length: 10") + "abc");
  await app.untilAsked(2);
  using third = await RawClient.sending(running.port, get("/third"));
  await app.untilAsked(3);
  await arriving.untilClosed();
  using fourth = await RawClient.connect(running.port);
  assert.equal(await fourth.untilClosed(), "");
  app.release("/served");
  app.release("/third");
  await served.until(/\/served$/);
  await third.until(/\/third$/);
});

Deno.test("an idle connection is closed before one whose body is arriving", async () => {
  const app = new HeldApp();
  await using running = await startTestServer(app.fetch, { maxConnections: 2 });
  using arriving = await RawClient.sending(running.port, postHead("/arriving", "Content-Length: 3"));
  await app.untilAsked(1);
  using idle = await RawClient.connect(running.port);
  await untilConnections(running.server, 2);
  using third = await RawClient.sending(running.port, get("/third"));
  await idle.untilClosed();
  for (const path of ["/arriving", "/third"]) app.release(path);
  await third.until(/\/third$/);
  await arriving.send("abc");
  assert.match(await arriving.untilClosed(), /\/arriving$/);
});

Deno.test("after beginDrain(), connections are still accepted, and each answer closes its connection", async () => {
  await using running = await startTestServer(() => new Response("okay"));
  using before = await RawClient.sending(running.port, get("/"));
  await before.until(/okay/);
  running.server.beginDrain();
  await before.send(get("/"));
  using after = await RawClient.sending(running.port, get("/"));
  for (const client of [before, after]) {
    const answer = parseAnswers(await client.untilClosed()).at(-1);
    assert.deepEqual([answer?.body, answer?.headers.get("connection")], ["okay", "close"]);
  }
});

Deno.test("stop() closes idle connections, answers running requests, and accepts no more connections", async () => {
  const app = new HeldApp();
  await using running = await startTestServer(app.fetch);
  using idle = await RawClient.sending(running.port, get("/idle"));
  app.release("/idle");
  await idle.until(/idle$/);
  using half = await RawClient.sending(running.port, "GET");
  using busy = await RawClient.sending(running.port, get("/busy"));
  await app.untilAsked(2);
  await untilConnections(running.server, 3);
  const stopping = running.server.stop({ signal: never });
  await Promise.all([idle.untilClosed(), half.untilClosed()]);
  await assert.rejects(RawClient.connect(running.port));
  app.release("/busy");
  const [answer] = parseAnswers(await busy.untilClosed());
  assert.deepEqual([answer?.body, answer?.headers.get("connection")], ["/busy", "close"]);
  await stopping;
  assert.equal(running.clock.pending, 0);
});

Deno.test("stop() waits for a running request whose client has gone", async () => {
  const app = new HeldApp();
  await using running = await startTestServer(app.fetch);
  using client = await RawClient.sending(running.port, get("/begun"));
  await app.untilAsked(1);
  client[Symbol.dispose]();
  await untilConnections(running.server, 0);
  let stopped = false;
  const stopping = running.server.stop({ signal: never }).then(() => stopped = true);
  await turn();
  assert.equal(stopped, false);
  app.release("/begun");
  await stopping;
});

Deno.test("stop() closes what is left when its signal aborts", async () => {
  const app = new HeldApp();
  await using running = await startTestServer(app.fetch);
  using client = await RawClient.sending(running.port, get("/late"));
  await app.untilAsked(1);
  const grace = new AbortController();
  const stopping = running.server.stop({ signal: grace.signal });
  grace.abort();
  await stopping;
  assert.equal(await client.untilClosed(), "");
  app.release("/late");
});
