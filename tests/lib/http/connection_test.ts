/** What one connection may do: pipelining, answers before the body has arrived, clients that don't read. */
import assert from "node:assert/strict";
import { systemClock } from "../../../lib/clock.ts";
import { turn } from "../../fixtures/clock.ts";
import { parseAnswers, RawClient } from "../../fixtures/raw_client.ts";
import {
  get,
  HeldApp,
  postHead,
  startServerWith,
  startTestServer,
  textOf,
  untilConnections,
} from "./fixture.ts";

const LARGE = "x".repeat(65536);

Deno.test("1,000 pipelined requests are answered in order, and served one at a time", async () => {
  let serving = 0;
  let mostServing = 0;
  const served: string[] = [];
  await using running = await startServerWith(systemClock, async ({ url }, { body }) => {
    mostServing = Math.max(mostServing, ++serving);
    if (served.length % 20 === 0) await turn();
    await Promise.resolve();
    served.push(new URL(url).pathname + await textOf(body));
    serving--;
    return new Response(served.at(-1));
  });
  const expected = Array.from({ length: 1000 }, (_, index) => index % 3 ? `/${index}` : `/${index}body`);
  const requests = expected.map((_, index) =>
    index % 3 ? get(`/${index}`) : postHead(`/${index}`, "Content-Length: 4") + "body"
  );
  using client = await RawClient.sending(running.port, requests.join("") + get("/last", "Connection: close"));
  const answers = parseAnswers(await client.untilClosed());
  assert.deepEqual(answers.map(({ body }) => body), [...expected, "/last"]);
  assert.deepEqual(served, [...expected, "/last"]);
  assert.equal(mostServing, 1);
});

Deno.test("while requests wait behind another, no more is read", async () => {
  const app = new HeldApp();
  await using running = await startTestServer(app.fetch);
  using client = await RawClient.connect(running.port);
  const sending = client.sendUntilRefused(get("/", `X-A: ${"y".repeat(100)}`).repeat(1000));
  await app.untilAsked(1);
  using other = await RawClient.sending(running.port, get("/other"));
  app.release("/other");
  await other.until(/other$/);
  assert.equal(client.isClosed, false);
  client[Symbol.dispose]();
  // What the kernels hold on both sides.
  assert.ok(await sending < 50_000_000);
});

Deno.test("nonsense after requests is answered after them, wherever it begins", async () => {
  for (
    const nonsense of ["nonsense\r\n\r\n", postHead("/3", "Transfer-Encoding: chunked") + "no length\r\n"]
  ) {
    const app = new HeldApp();
    await using running = await startServerWith(systemClock, app.fetch);
    using client = await RawClient.sending(running.port, get("/1") + get("/2") + nonsense);
    for (const path of ["/1", "/2", "/3"]) app.release(path);
    const answers = parseAnswers(await client.untilClosed());
    assert.deepEqual(answers.slice(0, 2).map(({ body }) => body), ["/1", "/2"]);
    assert.equal(answers.length, 3);
    assert.equal(answers[2]?.headers.get("connection"), "close");
  }
});

Deno.test("nonsense in one slice with the end of a body only closes the connection, after the answer", async () => {
  for (const rest of ["nonsense\r\n\r\n", postHead("/2", "Transfer-Encoding: chunked") + "no length\r\n"]) {
    const app = new HeldApp();
    await using running = await startTestServer(app.fetch);
    using client = await RawClient.sending(running.port, postHead("/1", "Content-Length: 3"));
    await app.untilAsked(1);
    await client.send(`abc${rest}`);
    app.release("/1");
    const [first, ...others] = parseAnswers(await client.untilClosed());
    assert.equal(first?.status, 200);
    assert.ok(others.length <= 1);
  }
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
    await running.clock.advance(2000);
    assert.equal(running.server.connections, 0);
    // What the kernels hold on both sides; reading it all would never end.
    assert.ok(await sending < 50_000_000);
  }
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
  await running.clock.advance(2000);
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

Deno.test("a client that doesn't read its answers is cut", async () => {
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
