/** Where the server listens, and its limits on what arrives. */
import assert from "node:assert/strict";
import { Server } from "node:http";
import { systemClock } from "../../../lib/clock.ts";
import { AppError } from "../../../lib/errors.ts";
import { startHttpServer } from "../../../lib/http/server.ts";
import { parseAnswers, RawClient } from "../../fixtures/raw_client.ts";
import { get, HeldApp, postHead, startTestServer, textOf, untilConnections } from "./fixture.ts";

const never = new AbortController().signal;
const okay = { fetch: () => new Response("okay") };

const LIMITS = { headerTimeoutMs: 2000, requestTimeoutMs: 4000 };

Deno.test("startHttpServer() listens on all addresses, or on the one it is given", async () => {
  for (const hostname of [undefined, "127.0.0.1"]) {
    const server = await startHttpServer({ hostname, port: 0 }, okay, systemClock);
    const response = await fetch(`http://127.0.0.1:${server.port}`);
    assert.equal(await response.text(), "okay");
    await server.stop({ signal: never });
  }
});

Deno.test("startHttpServer() fails when the port is in use", async () => {
  const server = await startHttpServer({ port: 0 }, okay, systemClock);
  for (const hostname of [undefined, "127.0.0.1"]) {
    await assert.rejects(
      startHttpServer({ hostname, port: server.port }, okay, systemClock),
      (error) =>
        error instanceof AppError && error.code === "cannot-listen" &&
        error.message.includes(`port ${server.port}, as it must not be in use`),
    );
  }
  await server.stop({ signal: never });
});

Deno.test("startHttpServer() fails when the address is not one of this machine", async () => {
  await assert.rejects(
    startHttpServer({ hostname: "192.0.2.1", port: 0 }, okay, systemClock),
    /192\.0\.2\.1, port 0, as it must be an address of this machine/,
  );
});

Deno.test("the limit for a head may be larger than that for a whole request", async () => {
  await using running = await startTestServer(okay.fetch, { headerTimeoutMs: 2000, requestTimeoutMs: 1000 });
  using client = await RawClient.sending(running.port, get("/"));
  await client.until(/okay/);
});

Deno.test("a head that takes too long is answered with 408, whether bytes come or not", async () => {
  await using running = await startTestServer(okay.fetch, LIMITS);
  using nothing = await RawClient.connect(running.port);
  using half = await RawClient.sending(running.port, "GET / HTTP/1.1\r\nHost: x\r\nX-A: b");
  using dripping = await RawClient.sending(running.port, "GET / HTTP/1.1\r\nHost: x\r\nX-A: b");
  await untilConnections(running.server, 3);
  for (let second = 0; second < 3; second++) {
    await dripping.send("b").catch(() => {});
    await running.clock.advance(1000);
  }
  for (const client of [nothing, half, dripping]) {
    const [answer] = parseAnswers(await client.untilClosed());
    assert.equal(answer?.status, 408);
    assert.equal(JSON.parse(answer!.body).status, "request timeout");
    assert.equal(answer?.headers.get("content-type"), "application/json");
  }
  await running.clock.advance(2000);
  assert.equal(running.server.connections, 0);
});

Deno.test("a body that takes too long is answered with 408, and its reader gets an error", async () => {
  const failure = Promise.withResolvers<unknown>();
  await using running = await startTestServer(async (_request, { body }) => {
    await textOf(body).catch(failure.resolve);
    return new Response("never seen");
  }, LIMITS);
  using client = await RawClient.sending(running.port, postHead("/", "Content-Length: 1000"));
  await untilConnections(running.server, 1);
  for (let second = 0; second < 3; second++) {
    await client.send("b");
    await running.clock.advance(1000);
    assert.equal(client.text, "");
  }
  await running.clock.advance(2000);
  const answers = parseAnswers(await client.untilClosed());
  assert.deepEqual(answers.map(({ status, body }) => [status, JSON.parse(body).status]), [
    [408, "request timeout"],
  ]);
  await running.clock.advance(2000);
  assert.match(String(await failure.promise), /closed the connection/);
  assert.equal(running.server.connections, 0);
});

Deno.test("there is no time limit for serving a request", async () => {
  const app = new HeldApp();
  await using running = await startTestServer(app.fetch, LIMITS);
  using served = await RawClient.sending(running.port, get("/served"));
  await app.untilAsked(1);
  await running.clock.advance(60_000);
  app.release("/served");
  await served.until(/\/served$/);
});

Deno.test("an idle connection is closed without an answer, a second later than its answers announced", async () => {
  await using running = await startTestServer(okay.fetch, LIMITS);
  using client = await RawClient.sending(running.port, get("/"));
  await client.until(/okay$/);
  await running.clock.advance(2900);
  await client.send(get("/"));
  await client.until(/okay[^]*okay$/);
  await running.clock.advance(3500);
  const answers = parseAnswers(await client.untilClosed());
  assert.deepEqual(answers.map(({ headers, body }) => [headers.get("keep-alive"), body]), [
    ["timeout=2", "okay"],
    ["timeout=2", "okay"],
  ]);
});

Deno.test("the time of a head begins with its first byte, however long the connection was idle", async () => {
  await using running = await startTestServer(okay.fetch, LIMITS);
  using client = await RawClient.sending(running.port, get("/"));
  await client.until(/okay$/);
  await running.clock.advance(1500);
  await client.send("GET / HTTP/1.1\r\n");
  await running.clock.advance(1500);
  await client.send("Host: x\r\n\r\n");
  await client.until(/okay[^]*okay$/);
});

Deno.test("an error of the listener is reported, and isListening is true as long as it accepts", async () => {
  const { listen } = Server.prototype;
  let listener: Server | undefined;
  Server.prototype.listen = function (this: Server, ...options: unknown[]) {
    listener = this;
    return Reflect.apply(listen, this, options);
  };
  using _ = { [Symbol.dispose]: () => void (Server.prototype.listen = listen) };
  const errors: string[] = [];
  await using running = await startTestServer(okay.fetch, {
    onError: ({ message }) => void errors.push(message),
  });
  listener!.emit("error", new Error("accept failed"));
  assert.deepEqual([errors, running.server.isListening], [["accept failed"], true]);
  using client = await RawClient.sending(running.port, get("/"));
  await client.until(/okay$/);
  listener!.close();
  assert.equal(running.server.isListening, false);
});

Deno.test("what is not HTTP gets 400, and the connection closes", async () => {
  await using running = await startTestServer(okay.fetch);
  const both = "Content-Length: 3\r\nTransfer-Encoding: chunked";
  for (
    const request of [
      "nonsense\r\n\r\n",
      postHead("/", both) + "0\r\n\r\n",
      postHead("/", "Content-Length: 3", "Content-Length: 4") + "abcd",
      postHead("/", "Transfer-Encoding: gzip") + "abc",
      get("/", "X-A : b"),
      get("/", "X-A: b\r\n c: d\0"),
      "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    ]
  ) {
    using client = await RawClient.sending(running.port, request);
    const [answer, ...others] = parseAnswers(await client.untilClosed());
    assert.deepEqual([answer?.status, others], [400, []], JSON.stringify(request));
    assert.deepEqual(JSON.parse(answer!.body).status, "BAD REQUEST");
    assert.equal(answer?.headers.get("connection"), "close");
    assert.equal(answer?.headers.get("content-type"), "application/json");
  }
  await running.clock.advance(2000);
  assert.equal(running.server.connections, 0);
});

Deno.test("a head may have 16 KiB, and a larger one gets 431", async () => {
  await using running = await startTestServer(({ headers }) => new Response(headers.get("x-a")?.slice(0, 1)));
  using largest = await RawClient.sending(running.port, get("/", `X-A: ${"y".repeat(16 * 1024 - 100)}`));
  await largest.until(/y$/);
  for (const size of [16 * 1024, 10_000_000]) {
    using client = await RawClient.connect(running.port);
    const sending = client.send(get("/", `X-A: ${"y".repeat(size)}`)).catch(() => {});
    const [answer] = parseAnswers(await client.untilClosed());
    assert.equal(answer?.status, 431);
    assert.equal(JSON.parse(answer!.body).status, "request header fields too large");
    await running.clock.advance(2000);
    await sending;
  }
});

Deno.test("tunnels and other protocols are not opened", async () => {
  await using running = await startTestServer(okay.fetch);
  using tunnel = await RawClient.sending(running.port, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(await tunnel.untilClosed(), "");
  using upgrade = await RawClient.sending(
    running.port,
    get("/", "Connection: Upgrade", "Upgrade: websocket"),
  );
  assert.match(await upgrade.until(/okay$/), /^HTTP\/1\.1 200 /);
});

Deno.test("an HTTP/1.0 connection is closed after the answer, unless the client wants to keep it", async () => {
  await using running = await startTestServer(okay.fetch);
  using plain = await RawClient.sending(running.port, "GET / HTTP/1.0\r\n\r\n");
  assert.match(await plain.untilClosed(), /okay$/);
  using kept = await RawClient.sending(running.port, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  await kept.until(/okay$/);
  await kept.send("GET / HTTP/1.0\r\n\r\n");
  assert.match(await kept.untilClosed(), /okay[^]*okay$/);
});
