import assert from "node:assert/strict";
import { systemClock } from "../../../lib/clock.ts";
import {
  type DependencyTrackRequest,
  type RequestLimits,
  sendRequest,
  type ServerTrust,
} from "../../../lib/dependency_track/http.ts";
import { createCertificates } from "../../fixtures/certificates.ts";

const { signal } = new AbortController();

/** Sends a request with what most tests have in common. */
function send(
  url: URL,
  request: Partial<DependencyTrackRequest> = {},
  options: Partial<ServerTrust & RequestLimits> = {},
) {
  return sendRequest({ method: "GET", headers: {}, signal, url, ...request }, {
    clock: systemClock,
    requestTimeoutMs: 60_000,
    allowsAddress: () => true,
    ...options,
  });
}

/** A server that lives as long as a test. */
async function withServer(
  handler: (request: Request) => Response | Promise<Response>,
  use: (url: URL) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
  try {
    await use(new URL(`http://127.0.0.1:${server.addr.port}/path?q=1`));
  } finally {
    await server.shutdown();
  }
}

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(new TextEncoder().encode(text));
}

Deno.test("a request carries its headers and the pieces of its body, and its answer is returned", async () => {
  const handler = async (request: Request) =>
    Response.json({
      target: new URL(request.url).pathname + new URL(request.url).search,
      key: request.headers.get("x-api-key"),
      body: await request.text(),
    }, { status: 201, headers: { "retry-after": "7" } });
  await withServer(handler, async (url) => {
    const body = pieces("ab", "cd");
    const headers = { "x-api-key": "k" };
    const answer = await send(url, { method: "POST", headers, body });
    assert.deepEqual([answer.status, answer.retryAfterMs], [201, 7000]);
    assert.deepEqual(JSON.parse(answer.text), { target: "/path?q=1", key: "k", body: "abcd" });
  });
});

Deno.test("nothing is sent to an address that is not allowed", async () => {
  let asked = 0;
  await withServer(() => {
    asked++;
    return new Response();
  }, async (url) => {
    const seen: string[] = [];
    const allowsAddress = (address: string) => {
      seen.push(address);
      return false;
    };
    await assert.rejects(send(url, {}, { allowsAddress }), {
      code: "track-address",
    });
    assert.deepEqual([seen, asked], [["127.0.0.1"], 0]);
  });
});

Deno.test("the address that a name resolves to is checked, not the name", async () => {
  await withServer(() => new Response(), async (url) => {
    const seen: string[] = [];
    const named = new URL(url.href.replace("127.0.0.1", "localhost"));
    await send(named, {}, { allowsAddress: (address) => seen.push(address) > 0 });
    assert.deepEqual(seen, ["127.0.0.1"]);
  });
});

Deno.test("a redirect is returned and not followed", async () => {
  let asked = 0;
  await withServer((request) => {
    asked++;
    return new Response(null, { status: 302, headers: { location: new URL("/inside", request.url).href } });
  }, async (url) => {
    assert.equal((await send(url)).status, 302);
    assert.equal(asked, 1);
  });
});

Deno.test("an answer may have 200 kB, and a larger or endless one is refused", async () => {
  await withServer(() => new Response("x".repeat(200_000)), async (url) => {
    assert.equal((await send(url)).text.length, 200_000);
  });
  await withServer(() => new Response("x".repeat(200_001)), async (url) => {
    await assert.rejects(send(url), { code: "track-answer-too-large" });
  });
  const endless = () =>
    new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65536)) });
  await withServer(() => new Response(endless()), async (url) => {
    await assert.rejects(send(url), {
      code: "track-answer-too-large",
    });
  });
});

Deno.test("the signal ends a request that is never answered, and its reason is thrown", async () => {
  const arrived = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<Response>();
  await withServer(() => {
    arrived.resolve();
    return answered.promise;
  }, async (url) => {
    const abort = new AbortController();
    const sending = send(url, { signal: abort.signal });
    await arrived.promise;
    abort.abort(new Error("enough"));
    await assert.rejects(sending, { message: "enough" });
    answered.resolve(new Response());
  });
});

Deno.test("a refused connection is a connection error", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = new URL(`http://127.0.0.1:${listener.addr.port}/`);
  listener.close();
  await assert.rejects(send(url), { code: "track-connection" });
});

Deno.test("an answer that is cut off, missing or malformed is a connection error", async () => {
  for (const text of ["", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "nonsense\r\n\r\n"]) {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const url = new URL(`http://127.0.0.1:${listener.addr.port}/`);
    const serving = (async () => {
      const connection = await listener.accept();
      await connection.read(new Uint8Array(1024));
      await connection.write(new TextEncoder().encode(text));
      connection.close();
    })();
    await assert.rejects(
      send(url),
      { code: "track-connection" },
      text,
    );
    await serving;
    listener.close();
  }
});

Deno.test("an error of the body ends the request", async () => {
  await withServer(async (request) => {
    await request.text().catch(() => {});
    return new Response();
  }, async (url) => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(new Uint8Array(10));
      throw new TypeError("the body broke");
    }
    await assert.rejects(send(url, { method: "POST", body: broken() }), {
      code: "track-connection",
      message: /No answer/,
    });
  });
});

/** A server over TLS, and the CA that signed its certificate. */
async function withTlsServer(
  names: string,
  use: (url: URL, caCertificate: string, asked: () => number) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const { certificate: cert, key, caCertificate } = await createCertificates(folder, names)
    .finally(() => Deno.remove(folder, { recursive: true }));
  let asked = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, cert, key, onListen: () => {} }, () => {
    asked++;
    return new Response();
  });
  try {
    await use(new URL(`https://127.0.0.1:${server.addr.port}/`), caCertificate, () => asked);
  } finally {
    await server.shutdown();
  }
}

Deno.test("over TLS a server is reached by name and by address if its certificate has both and the CA is trusted", async () => {
  await withTlsServer("IP:127.0.0.1,DNS:localhost", async (url, caCertificate, asked) => {
    const readAuthorities = () => Promise.resolve(caCertificate);
    const named = new URL(url.href.replace("127.0.0.1", "localhost"));
    for (const each of [url, named]) {
      assert.equal((await send(each, {}, { readAuthorities })).status, 200);
    }
    assert.equal(asked(), 2);
  });
});

Deno.test("over TLS nothing is sent before the server has proven its name with a certificate of a trusted CA", async () => {
  await withTlsServer("DNS:other.example", async (url, caCertificate, asked) => {
    const named = new URL(url.href.replace("127.0.0.1", "localhost"));
    for (
      const [each, ca, why] of [
        [
          url,
          undefined,
          /^Cannot verify the certificate of .*: unable to verify .*: set DEPENDENCY_TRACK_CACERT to the CA/,
        ],
        [
          named,
          undefined,
          /^Cannot verify the certificate of .*: unable to verify .*: set DEPENDENCY_TRACK_CACERT to the CA/,
        ],
        [url, caCertificate, /^Cannot verify the certificate of .* altnames: .*: use a name that it has$/],
        [named, caCertificate, /^Cannot verify the certificate of .* altnames: .*: use a name that it has$/],
      ] as const
    ) {
      const headers = { "x-api-key": "k" };
      await assert.rejects(
        send(each, { headers }, { readAuthorities: () => Promise.resolve(ca) }),
        { code: "track-certificate", message: why },
      );
    }
    assert.equal(asked(), 0);
  });
});

Deno.test("a request that is aborted while the CAs are read makes no connection", async () => {
  await withTlsServer("IP:127.0.0.1", async (url, caCertificate, asked) => {
    const connected: string[] = [];
    const allowsAddress = (address: string) => connected.push(address) > 0;
    const text = Promise.withResolvers<string>();
    const stop = new AbortController();
    const sending = send(url, { signal: stop.signal }, {
      allowsAddress,
      readAuthorities: () => text.promise,
    });
    stop.abort(new Error("enough"));
    await assert.rejects(sending, { message: "enough" });
    text.resolve(caCertificate);
    // By the end of this request, a connection that was made before it would have been seen.
    await send(url, {}, { allowsAddress, readAuthorities: () => text.promise });
    assert.deepEqual([connected.length, asked()], [1, 1]);
  });
});

Deno.test("CAs are not read for a request without TLS", async () => {
  const readAuthorities = () => assert.fail("CAs were read");
  await withServer(() => new Response(), async (url) => {
    assert.equal((await send(url, {}, { readAuthorities })).status, 200);
  });
});
