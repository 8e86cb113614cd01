/** What the app gets of a request, and what the client gets of an answer. */
import assert from "node:assert/strict";
import type { HttpBindings } from "../../../lib/http/server.ts";
import { parseAnswers, RawClient } from "../../fixtures/raw_client.ts";
import { get, postHead, startTestServer, textOf } from "./fixture.ts";

async function exchange(
  text: string,
  fetch: (request: Request, bindings: HttpBindings) => Response | Promise<Response>,
) {
  await using running = await startTestServer(fetch);
  using client = await RawClient.sending(running.port, text);
  await client.until(/\r\n\r\n/);
  await running.server.stop({ signal: new AbortController().signal });
  const [answer] = parseAnswers(await client.untilClosed());
  return answer!;
}

Deno.test("the app gets method, path, query and headers as they came", async () => {
  const seen: unknown[] = [];
  const request =
    "DELETE /facts/a%2Fb?c=%20d HTTP/1.1\r\nHost: x\r\nAuthorization: t\r\nX-A: 1\r\nX-A: 2\r\n\r\n";
  await exchange(request, async ({ method, url, headers, body }, bindings) => {
    seen.push(method, url, headers.get("authorization"), headers.get("x-a"), body, bindings.body);
    return new Response(await textOf(bindings.body));
  });
  assert.deepEqual(seen, ["DELETE", "http://localhost/facts/a%2Fb?c=%20d", "t", "1, 2", null, undefined]);
});

Deno.test("the target may be a path or a URL, as proxies send it", async () => {
  const path = ({ url }: Request) => new Response(new URL(url).pathname);
  assert.equal((await exchange(get("http://some.host:80/facts"), path)).body, "/facts");
  assert.equal((await exchange(get("//two/slashes"), path)).body, "//two/slashes");
  for (const request of [get("*").replace("GET", "OPTIONS"), get("/").replace("GET", "TRACE")]) {
    const { status, body } = await exchange(request, path);
    assert.equal(status, 400);
    assert.equal(JSON.parse(body).status, "BAD REQUEST");
  }
});

Deno.test("a body arrives whole, with its length or in chunks, in one piece or in many", async () => {
  const echo = async (_request: Request, { body }: HttpBindings) => new Response(await textOf(body));
  const chunked = postHead("/", "Transfer-Encoding: chunked") + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  assert.equal((await exchange(postHead("/", "Content-Length: 5") + "abcde", echo)).body, "abcde");
  assert.equal((await exchange(chunked, echo)).body, "abcde");
  assert.equal((await exchange(postHead("/", "Content-Length: 0"), echo)).body, "");
  const large = "é".repeat(1_000_000);
  assert.equal((await exchange(postHead("/", "Content-Length: 2000000") + large, echo)).body, large);
});

Deno.test("an answer that the app gives whole takes the place of its response", async () => {
  const body = new TextEncoder().encode("whole");
  const { status, headers, body: text } = await exchange(get("/"), (_request, { answer }) => {
    answer({ status: 203, headers: ["X-A", "1"], body });
    return new Response("ignored", { headers: { "X-A": "2" } });
  });
  assert.deepEqual([status, headers.get("x-a"), headers.get("content-length"), text], [
    203,
    "1",
    "5",
    "whole",
  ]);
});

Deno.test("a body that is cut ends with an error", async () => {
  for (const leave of ["dispose", "end"]) {
    const started = Promise.withResolvers<void>();
    const failure = Promise.withResolvers<unknown>();
    await using running = await startTestServer(async (_request, { body }) => {
      started.resolve();
      await textOf(body).then(() => failure.resolve(undefined), failure.resolve);
      return new Response();
    });
    using client = await RawClient.sending(running.port, postHead("/", "Content-Length: 10") + "abc");
    await started.promise;
    if (leave === "dispose") client[Symbol.dispose]();
    else await client.endSending();
    assert.match(String(await failure.promise), /The client closed the connection/);
  }
});

Deno.test("a client that expects 100 gets it, and other expectations get 417", async () => {
  await using running = await startTestServer(async (_request, { body }) => new Response(await textOf(body)));
  const head = postHead("/", "Content-Length: 3", "Expect: 100-continue");
  using client = await RawClient.sending(running.port, head);
  await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  await client.send("abc");
  await client.until(/HTTP\/1\.1 200 OK[^]*abc$/);
  using other = await RawClient.sending(
    running.port,
    postHead("/", "Content-Length: 3", "Expect: a-miracle"),
  );
  const [answer] = parseAnswers(await other.untilClosed());
  assert.deepEqual([answer?.status, JSON.parse(answer!.body).status], [417, "expectation failed"]);
});

Deno.test("HTTP/1.1 needs a Host header, HTTP/1.0 does not", async () => {
  const okay = () => new Response("okay");
  const { status, headers, body } = await exchange("GET / HTTP/1.1\r\n\r\n", okay);
  assert.deepEqual([status, headers.get("content-type")], [400, "application/json"]);
  assert.match(JSON.parse(body).message, /Host/);
  assert.equal((await exchange("GET / HTTP/1.0\r\n\r\n", okay)).status, 200);
});

Deno.test("the client gets status, headers and body of the app's answer", async () => {
  const headers = { "content-type": "text/plain", "retry-after": "1" };
  const answer = await exchange(get("/"), () => new Response("busy", { status: 429, headers }));
  assert.deepEqual([answer.status, answer.body], [429, "busy"]);
  assert.equal(answer.headers.get("content-type"), "text/plain");
  assert.equal(answer.headers.get("retry-after"), "1");
  assert.equal(answer.headers.get("content-length"), "4");
});

Deno.test("answers that have no body are complete without one", async () => {
  await using running = await startTestServer(
    ({ method }) => method === "HEAD" ? new Response("unseen") : new Response(null, { status: 204 }),
  );
  using client = await RawClient.sending(running.port, get("/").replace("GET", "HEAD"));
  await client.until(/^HTTP\/1\.1 200 [^]*\r\n\r\n$/);
  for (const count of [1, 2]) {
    await client.send(get("/"));
    await client.until(new RegExp(`(?:HTTP/1\\.1 204 [^]*\r\n\r\n){${count}}$`));
  }
  assert.ok(!client.text.includes("unseen"));
});

Deno.test("an app that throws, or whose answer fails, gives 500 without the error's text", async () => {
  const broken = new ReadableStream({ start: (controller) => controller.error(new Error("secret")) });
  const failing = [
    () => {
      throw new Error("secret");
    },
    () => Promise.reject(new Error("secret")),
    () => new Response(broken),
  ];
  for (const fetch of failing) {
    const { status, headers, body } = await exchange(get("/"), fetch);
    assert.equal(status, 500);
    assert.equal(headers.get("content-type"), "application/json");
    assert.deepEqual(JSON.parse(body), {
      status: "internal error",
      message: "Something went wrong on this side",
    });
  }
});

Deno.test("an answer arrives byte for byte", async () => {
  for (const length of [256, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, index) => index % 256);
    await using running = await startTestServer(() => new Response(bytes));
    const response = await fetch(`http://127.0.0.1:${running.port}/`);
    assert.deepEqual(await response.bytes(), bytes, `${length} bytes`);
  }
});
