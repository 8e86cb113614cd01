/** A TLS server: its limits, and how it changes its certificate. Handshakes take real time. */
import assert from "node:assert/strict";
import { systemClock } from "../../../lib/clock.ts";
import { describeError } from "../../../lib/errors.ts";
import {
  certificateFromFiles,
  createTlsServer,
  type ReadCertificate,
  type TlsServer,
} from "../../../lib/tls/certificate.ts";
import { createSelfSigned } from "../../../lib/tls/self_signed.ts";
import { ManualClock, turn } from "../../fixtures/clock.ts";
import { parseAnswers, RawClient } from "../../fixtures/raw_client.ts";
import { MemoryLogger } from "../../fixtures/recorders.ts";
import { get, HeldApp, startServerWith, type TestServer, untilConnections } from "../http/fixture.ts";

const okay = () => new Response("okay");
const PAIR = createSelfSigned("pod-1", Date.now());

interface SecureServer extends Omit<TestServer, "clock"> {
  readonly clock: ManualClock;
  readonly log: MemoryLogger;
  readonly tls: TlsServer;
}

/** Starts a server whose clock for certificates is manual. */
async function startSecure(
  fetch: (request: Request) => Response | Promise<Response> = okay,
  { readCertificate = () => Promise.resolve(PAIR), ...options }: {
    readCertificate?: ReadCertificate;
    headerTimeoutMs?: number;
    maxConnections?: number;
  } = {},
): Promise<SecureServer> {
  const clock = new ManualClock();
  const log = new MemoryLogger();
  const tls = await createTlsServer(readCertificate, { clock, log });
  const started = await startServerWith(systemClock, fetch, { ...options, wrap: tls.wrap });
  return {
    ...started,
    clock,
    log,
    tls,
    async [Symbol.asyncDispose]() {
      await started[Symbol.asyncDispose]();
      await tls.close();
    },
  };
}

/** Gets the response for a new client that trusts only this certificate. */
async function ask(port: number, { certificate } = PAIR): Promise<string> {
  using client = Deno.createHttpClient({ caCerts: [certificate] });
  const response = await fetch(`https://localhost:${port}/`, { client });
  return await response.text();
}

Deno.test("a client that trusts the self-signed certificate reaches the server by each of its names", async () => {
  await using server = await startSecure();
  using client = Deno.createHttpClient({ caCerts: [PAIR.certificate] });
  for (const host of ["localhost", "127.0.0.1"]) {
    const response = await fetch(`https://${host}:${server.port}/`, { client });
    assert.equal(await response.text(), "okay");
  }
});

Deno.test("a client accepts a self-signed certificate with a host name of any length", async () => {
  for (const labels of [1, 2, 4]) {
    const pair = createSelfSigned(Array.from({ length: labels }, () => "a".repeat(60)).join("."), Date.now());
    await using server = await startSecure(okay, { readCertificate: () => Promise.resolve(pair) });
    assert.equal(await ask(server.port, pair), "okay");
  }
});

Deno.test("a client that does not trust the certificate sends no request", async () => {
  await using server = await startSecure();
  await assert.rejects(
    ask(server.port, createSelfSigned("pod-1", Date.now())),
    (error) => /invalid peer certificate/.test(describeError(error)),
  );
  await untilConnections(server.server, 0);
});

Deno.test("several requests are served on one TLS connection", async () => {
  await using server = await startSecure((request) => new Response(new URL(request.url).pathname));
  using client = await RawClient.connectTls(server.port, PAIR.certificate);
  await client.send(get("/1"));
  await client.until(/\/1$/);
  await client.send(get("/2"));
  await client.until(/\/2$/);
  await client.send(get("/3", "Connection: close"));
  const bodies = parseAnswers(await client.untilClosed()).map(({ body }) => body);
  assert.deepEqual(bodies, ["/1", "/2", "/3"]);
});

Deno.test("a handshake that does not finish in time is cut, with and without bytes", async () => {
  await using server = await startSecure(okay, { headerTimeoutMs: 200 });
  using silent = await RawClient.connect(server.port);
  // The first bytes of a record that never ends.
  using slow = await RawClient.sending(server.port, "\x16\x03\x01\x02\x00\x01");
  const start = performance.now();
  await Promise.all([silent.untilClosed(), slow.untilClosed()]);
  assert.ok(performance.now() - start < 5000);
  await untilConnections(server.server, 0);
});

Deno.test("a client that speaks plain HTTP is cut, and the app does not respond", async () => {
  await using server = await startSecure();
  using client = await RawClient.sending(server.port, get("/"));
  assert.doesNotMatch(await client.untilClosed(), /okay/);
  await untilConnections(server.server, 0);
});

Deno.test("connections count before their handshake has finished, and are closed for a further one", async () => {
  await using server = await startSecure(okay, { maxConnections: 4 });
  const silent = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(server.port)));
  await untilConnections(server.server, 4);
  assert.equal(await ask(server.port), "okay");
  await silent[0]!.untilClosed();
  for (const client of silent) client[Symbol.dispose]();
});

Deno.test("stop() answers pending requests over TLS, and closes idle connections and unfinished handshakes", async () => {
  const app = new HeldApp();
  await using server = await startSecure(app.fetch);
  using busy = await RawClient.connectTls(server.port, PAIR.certificate);
  using idle = await RawClient.connectTls(server.port, PAIR.certificate);
  using silent = await RawClient.connect(server.port);
  await untilConnections(server.server, 3);
  await busy.send(get("/held"));
  await app.untilAsked(1);
  const stopped = server.server.stop({ signal: new AbortController().signal });
  await Promise.all([idle.untilClosed(), silent.untilClosed()]);
  app.release("/held");
  const [answer] = parseAnswers(await busy.untilClosed());
  assert.deepEqual([answer?.status, answer?.body], [200, "/held"]);
  await stopped;
});

Deno.test("a renewed certificate is used within a minute for new connections", async () => {
  const renewed = createSelfSigned("pod-1", Date.now());
  let current = PAIR;
  await using server = await startSecure(okay, { readCertificate: () => Promise.resolve(current) });
  using old = await RawClient.connectTls(server.port, PAIR.certificate);
  current = renewed;
  await server.clock.advance(60_000);
  assert.equal(await ask(server.port, renewed), "okay");
  await assert.rejects(ask(server.port, PAIR));
  await old.send(get("/"));
  await old.until(/okay$/);
  assert.equal(server.log.with("Certificate changed").length, 1);
});

Deno.test("a certificate that can't be read or has another key does not replace one that works", async () => {
  const other = createSelfSigned("pod-1", Date.now());
  const wrong: ReadCertificate[] = [
    () => Promise.reject(new Error("no such file")),
    () => Promise.resolve({ certificate: other.certificate, key: PAIR.key }),
    () => Promise.resolve({ certificate: "", key: PAIR.key }),
    () => Promise.resolve({ certificate: other.certificate, key: "nothing of a key" }),
  ];
  let readCertificate: ReadCertificate = () => Promise.resolve(PAIR);
  await using server = await startSecure(okay, { readCertificate: () => readCertificate() });
  for (const read of wrong) {
    readCertificate = read;
    await server.clock.advance(60_000);
    assert.equal(await ask(server.port), "okay");
  }
  const warnings = server.log.with("Cannot use the renewed certificate; the last good one stays in use");
  assert.equal(warnings.length, wrong.length);
  assert.doesNotMatch(JSON.stringify(server.log.lines), /BEGIN|nothing of a key/);
});

Deno.test("createTlsServer() rejects an unusable first certificate, and close() stops the timer", async () => {
  const clock = new ManualClock();
  const log = new MemoryLogger();
  const readCertificate = () => Promise.resolve({ certificate: PAIR.certificate, key: "" });
  await assert.rejects(createTlsServer(readCertificate, { clock, log }), /both must be PEM/);
  assert.equal(clock.pending, 0);
  const tls = await createTlsServer(() => Promise.resolve(PAIR), { clock, log });
  assert.equal(clock.pending, 1);
  await tls.close();
  assert.equal(clock.pending, 0);
});

Deno.test("certificateFromFiles() reads both files, and names one that it can't read", async () => {
  const files: Record<string, string> = { "/tls.crt": PAIR.certificate, "/tls.key": PAIR.key };
  const readTextFile = async (path: string) => {
    await turn();
    return files[path] ?? assert.fail("not there");
  };
  const read = certificateFromFiles({ certFile: "/tls.crt", keyFile: "/tls.key" }, readTextFile);
  assert.deepEqual(await read(), PAIR);
  delete files["/tls.key"];
  await assert.rejects(read(), {
    message: /^Cannot read \/tls\.key for TLS on \/metrics: .* METRICS_KEY_FILE$/,
  });
});

Deno.test("certificateFromFiles() rejects a chain whose further certificate is broken, which clients would meet", async () => {
  const broken = `${PAIR.certificate}-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n`;
  const readTextFile = (path: string) => Promise.resolve(path === "/tls.crt" ? broken : PAIR.key);
  const read = certificateFromFiles({ certFile: "/tls.crt", keyFile: "/tls.key" }, readTextFile);
  await assert.rejects(read(), { message: /its certificate 2 of 2 is broken.*METRICS_CERT_FILE$/ });
});
