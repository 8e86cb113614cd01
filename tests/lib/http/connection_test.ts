/** One connection: pipelining, answers before the body has arrived, clients that don't read. */
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { Connection } from "../../../lib/http/connection.ts";
import { ManualClock, turn } from "../../fixtures/clock.ts";
import { parseAnswers, RawClient } from "../../fixtures/raw_client.ts";
import { get, HeldApp, postHead, startTestServer, untilConnections } from "./fixture.ts";

const TIMEOUTS = { headMs: 1000, requestMs: 1000 };

const LARGE = "x".repeat(65536);

Deno.test("of 1,000 pipelined requests the first is answered, and the connection closes", async () => {
  const app = new HeldApp();
  await using running = await startTestServer(app.fetch);
  const requests = Array.from({ length: 1000 }, (_, index) => get(`/${index}`));
  using client = await RawClient.sending(running.port, requests.join(""));
  await app.untilAsked(1);
  app.release("/0");
  const answers = parseAnswers(await client.untilClosed());
  assert.deepEqual(answers.map(({ body, headers }) => [body, headers.get("connection")]), [["/0", "close"]]);
  assert.deepEqual(app.asked, ["/0"]);
});

Deno.test("node's parser sees one request at a time: if this fails, Deno no longer reads through Connection", async () => {
  const heads: number[] = [];
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const connection = new Connection(socket as Socket, new ManualClock(), TIMEOUTS, new Set());
  connection.on("data", (bytes: Buffer) => {
    heads.push(bytes.toString().split("\r\n\r\n").length - 1);
    connection.beginRequest({ complete: true } as IncomingMessage);
  });
  socket.push(get("/").repeat(3000));
  await turn();
  assert.deepEqual(heads, [1]);
  assert.equal(connection.hasExtras, true);
  connection.destroy();
});

Deno.test("a request sent after the answer to the one before is answered, however fast it comes", async () => {
  await using running = await startTestServer(({ url }) => new Response(new URL(url).pathname));
  using client = await RawClient.connect(running.port);
  for (let index = 0; index < 500; index++) {
    await client.send(get(`/${index}/`));
    await client.until(new RegExp(`/${index}/$`));
  }
  assert.equal(client.isClosed, false);
});

Deno.test("nonsense behind a request only closes the connection, after the answer", async () => {
  for (const rest of ["nonsense\r\n\r\n", postHead("/2", "Transfer-Encoding: chunked") + "no length\r\n"]) {
    for (const [head, body] of [[get("/1"), ""], [postHead("/1", "Content-Length: 3"), "abc"]] as const) {
      const app = new HeldApp();
      await using running = await startTestServer(app.fetch);
      using client = await RawClient.sending(running.port, body === "" ? head + rest : head);
      await app.untilAsked(1);
      if (body !== "") await client.send(body + rest);
      app.release("/1");
      const answers = parseAnswers(await client.untilClosed());
      assert.deepEqual(answers.map(({ body, headers }) => [body, headers.get("connection")]), [[
        "/1",
        "close",
      ]]);
    }
  }
});

Deno.test("a body full of empty lines is not handed over in thousands of slices", async () => {
  let slices = 0;
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const connection = new Connection(socket as Socket, new ManualClock(), TIMEOUTS, new Set());
  connection.on("data", () => {
    slices++;
    connection.beginRequest({ complete: false } as IncomingMessage);
  });
  socket.push(postHead("/", "Content-Length: 65536") + "\r\n\r\n".repeat(16_384));
  await turn();
  assert.ok(slices > 1 && slices < 600, `${slices} slices`);
  connection.destroy();
});

Deno.test("an answer before the body has arrived reaches a client that goes on sending, and little more is read", async () => {
  await using running = await startTestServer(() => new Response("too large", { status: 413 }));
  for (const framing of ["Content-Length: 1000000000", "Transfer-Encoding: chunked"]) {
    using client = await RawClient.sending(running.port, postHead("/", framing));
    const chunk = framing.startsWith("Content") ? LARGE : `10000\r\n${LARGE}\r\n`;
    const sending = client.sendUntilRefused(chunk);
    const [answer] = parseAnswers(await client.untilClosed());
    assert.deepEqual([answer?.status, answer?.body], [413, "too large"]);
    assert.equal(answer?.headers.get("connection"), "close");
    assert.equal(running.server.connections, 1);
    await running.clock.advance(10_000);
    assert.equal(running.server.connections, 0);
    // What the kernels hold on both sides; reading it all would never end.
    assert.ok(await sending < 50_000_000);
  }
});

Deno.test("an early answer reaches a client that sends 30 MB before it reads", async () => {
  await using running = await startTestServer(() => new Response("no token", { status: 401 }));
  using client = await RawClient.connect(running.port);
  await client.send(postHead("/", "Content-Length: 30000000") + "x".repeat(30_000_000));
  const [answer] = parseAnswers(await client.untilClosed());
  assert.deepEqual([answer?.status, answer?.body], [401, "no token"]);
  await untilConnections(running.server, 1);
});

Deno.test("at most eight connections may finish sending, within the time for a request", async () => {
  await using running = await startTestServer(() => new Response("no token", { status: 401 }));
  using stack = new DisposableStack();
  for (let index = 0; index < 10; index++) {
    const client = await RawClient.sending(running.port, postHead("/", "Content-Length: 30000000"));
    await stack.use(client).untilClosed();
  }
  assert.equal(running.server.connections, 10);
  await running.clock.advance(1000);
  assert.equal(running.server.connections, 8);
  await running.clock.advance(9000);
  assert.equal(running.server.connections, 0);
});

Deno.test("an answer while the body is being read closes the connection as well", async () => {
  await using running = await startTestServer(async (_request, { body }) => {
    for await (const chunk of body!) if (chunk.length > 0) break;
    return new Response("enough", { status: 413 });
  });
  using client = await RawClient.sending(running.port, postHead("/", "Content-Length: 1000000000"));
  const sending = client.sendUntilRefused(LARGE);
  const [answer] = parseAnswers(await client.untilClosed());
  assert.deepEqual([answer?.status, answer?.headers.get("connection")], [413, "close"]);
  await running.clock.advance(10_000);
  await sending;
});

Deno.test("a body that arrived but was not read doesn't close the connection", async () => {
  await using running = await startTestServer(() => new Response("okay"));
  using client = await RawClient.sending(running.port, postHead("/", "Content-Length: 3") + "abc");
  await client.until(/okay/);
  await client.send(get("/"));
  await client.until(/okay[^]*okay/);
  assert.equal(client.isClosed, false);
});

Deno.test("a client that doesn't read its answer is disconnected", async () => {
  const megabytes = "x".repeat(20_000_000);
  await using running = await startTestServer(() => new Response(megabytes), { headerTimeoutMs: 5000 });
  // It reads only when it is asked to.
  const client = await Deno.connect({ hostname: "127.0.0.1", port: running.port });
  await client.write(new TextEncoder().encode(get("/")));
  await client.read(new Uint8Array(1));
  await running.clock.advance(4000);
  assert.equal(running.server.connections, 1);
  await running.clock.advance(2000);
  await untilConnections(running.server, 0);
  client.close();
});
