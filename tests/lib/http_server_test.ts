import assert from "node:assert/strict";
import { startHttpServer } from "../../lib/http_server.ts";

const never = new AbortController().signal;

Deno.test("startHttpServer() listens on all addresses, or on the one it is given", async () => {
  const answer = { fetch: () => new Response("hello") };
  for (const hostname of [undefined, "127.0.0.1"]) {
    const server = startHttpServer({ hostname, port: 0 }, answer);
    const response = await fetch(`http://127.0.0.1:${server.port}`);
    assert.equal(await response.text(), "hello");
    await server.stop(never);
  }
});

Deno.test("startHttpServer() throws when the port is taken", async () => {
  const answer = { fetch: () => new Response() };
  const server = startHttpServer({ port: 0 }, answer);
  assert.throws(() => startHttpServer({ port: server.port }, answer), Deno.errors.AddrInUse);
  await server.stop(never);
});

Deno.test("stop() lets the requests in hand be answered and takes no new ones", async () => {
  const started = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  const server = startHttpServer({ hostname: "127.0.0.1", port: 0 }, {
    fetch: () => {
      started.resolve();
      return answer.promise;
    },
  });
  const asking = fetch(`http://127.0.0.1:${server.port}`);
  await started.promise;
  const stopping = server.stop(never);
  await assert.rejects(fetch(`http://127.0.0.1:${server.port}`));
  answer.resolve(new Response("done"));
  assert.equal(await (await asking).text(), "done");
  await stopping;
});

Deno.test("stop() waits no longer than its signal allows", async () => {
  const started = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  const server = startHttpServer({ hostname: "127.0.0.1", port: 0 }, {
    fetch: () => {
      started.resolve();
      return answer.promise;
    },
  });
  const asking = fetch(`http://127.0.0.1:${server.port}`);
  await started.promise;
  const grace = new AbortController();
  const stopping = server.stop(grace.signal);
  grace.abort();
  await stopping;
  answer.resolve(new Response("too late for the process"));
  await (await asking).text();
});
