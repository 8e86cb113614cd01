/** Metrics over HTTPS, of the whole program in a pod, on a real kube-apiserver with RBAC and on the embedded one. */
import assert from "node:assert/strict";
import { decodeJwt } from "jose";
import { createMetrics } from "../../lib/metrics.ts";
import { startMetricsServer } from "../../lib/service/metrics_server.ts";
import { type ApiServer, startApiServer } from "../fixtures/api_server/mod.ts";
import { createCertificates } from "../fixtures/certificates.ts";
import { ManualClock } from "../fixtures/clock.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { needsCommands } from "../fixtures/commands.ts";
import { ignoredWithoutApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { createPod, type PodIdentity } from "../fixtures/pod.ts";
import { freePorts } from "../fixtures/ports.ts";
import { type RunningProgram, startWithoutCluster } from "../fixtures/program.ts";
import { AccessControl, OWN_NAMESPACE, readManifest } from "../fixtures/rbac.ts";
import { MemoryLogger } from "../fixtures/recorders.ts";

/** The permissions that the program needs to check callers. */
const REVIEW_RULES = (await readManifest("components/monitoring/metrics_auth_role")).rules!;

interface Scraped {
  readonly status: number;
  readonly text: string;
}

interface Running extends AsyncDisposable {
  readonly program: RunningProgram;
  readonly port: number;
  /** Gets /metrics, with a token or without, and verifies the certificate. */
  scrape(token?: string): Promise<Scraped>;
}

/** Starts the program as a pod that only accepts posts; metrics are secure by default. */
async function startInPod(
  identity: PodIdentity,
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  await using stack = new AsyncDisposableStack();
  const pod = stack.use(await createPod(identity));
  const [port = 0] = freePorts(1);
  const program = stack.use(startWithoutCluster({
    ...pod.env,
    INSIGHTS_TOKEN_SECRET: "the-secret-of-the-metrics-test",
    RABBITMQ_ENABLED: "false",
    SHUTDOWN_DELAY: "0",
    METRICS_BIND_ADDRESS: `127.0.0.1:${port}`,
    ...env,
  }));
  await program.untilReady();
  const certificate = await shownCertificate(port);
  const running = stack.move();
  return {
    program,
    port,
    scrape: (token) => scrape(port, certificate, token),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function scrape(port: number, certificate: string, token?: string): Promise<Scraped> {
  using client = Deno.createHttpClient({ caCerts: [certificate] });
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`https://localhost:${port}/metrics`, { client, headers });
  return { status: response.status, text: await response.text() };
}

/** The server's certificate, PEM. */
async function shownCertificate(port: number): Promise<string> {
  const { stdout } = await new Deno.Command("openssl", {
    args: ["s_client", "-connect", `127.0.0.1:${port}`, "-showcerts"],
    stdin: "null",
    stderr: "null",
  }).output();
  const [pem] =
    /-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n/s.exec(new TextDecoder().decode(stdout)) ??
      assert.fail("no certificate is shown");
  return pem;
}

/** The log lines with a message. */
function logged({ program }: Running, message: string): Record<string, unknown>[] {
  const lines = program.log().split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line)).filter((line) => line.message === message);
}

/** Checks that an error response has the common shape, and no token. */
function assertRefused(scraped: Scraped, status: number, token = "\0"): void {
  assert.equal(scraped.status, status, scraped.text);
  assert.deepEqual(Object.keys(JSON.parse(scraped.text)), ["status", "message"]);
  assert.ok(!scraped.text.includes(token));
}

async function startEmbedded(): Promise<{ identity: PodIdentity; api: ApiServer } & AsyncDisposable> {
  const folder = await Deno.makeTempDir();
  const { caCertificate, certificate, key } = await createCertificates(folder);
  await Deno.remove(folder, { recursive: true });
  const users = new Map([
    ["reader-token", { name: "prometheus", paths: ["/metrics"] }],
    ["other-token", { name: "other", paths: [] }],
  ]);
  const api = startApiServer({ token: "program-token", users, tls: { certificate, key } });
  return {
    api,
    identity: { url: api.url, caCertificate, token: "program-token" },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

Deno.test(
  needsCommands(
    ["openssl"],
    "only callers that the API server allows get secure metrics, and it is asked no more than needed",
  ),
  async () => {
    await using embedded = await startEmbedded();
    await using running = await startInPod(embedded.identity);
    for (let count = 0; count < 3; count++) {
      const { status, text } = await running.scrape("reader-token");
      assert.equal(status, 200);
      assert.match(text, /^insights_remote_broker_ready\{broker="rabbitmq"\} 1$/m);
    }
    assertRefused(await running.scrape("other-token"), 403, "other-token");
    assertRefused(await running.scrape("nobodys-token"), 401, "nobodys-token");
    assertRefused(await running.scrape(), 401);
    const reviews = embedded.api.requests.filter(({ method }) => method === "POST").map(({ path }) =>
      path.split("/").at(-1)
    );
    assert.deepEqual(reviews, [
      "tokenreviews",
      "subjectaccessreviews",
      "tokenreviews",
      "subjectaccessreviews",
      "tokenreviews",
    ]);
    assert.doesNotMatch(running.program.log(), /reader-token|other-token|nobodys-token|program-token/);
  },
);

Deno.test(
  needsCommands(
    ["openssl"],
    "a metrics server that has stopped leaves no timer and no connection to the API server",
  ),
  async () => {
    await using embedded = await startEmbedded();
    using cluster = new TestCluster(embedded.identity);
    const clock = new ManualClock();
    const access = cluster.access();
    let closed = 0;
    const server = await startMetricsServer({
      address: { hostname: "127.0.0.1", port: 0 },
      tls: { hostname: "pod-1", certFile: "", keyFile: "" },
    }, {
      metrics: createMetrics(),
      clock,
      log: new MemoryLogger(),
      openCluster: () =>
        Promise.resolve({
          ...access,
          close: () => {
            closed++;
            access.close();
          },
        }),
      readTextFile: () => assert.fail("nothing is to be read"),
    });
    assert.equal(
      (await scrape(server.port, await shownCertificate(server.port), "reader-token")).status,
      200,
    );
    assert.ok(clock.pending > 0);
    await server.stop({ signal: AbortSignal.abort() });
    assert.deepEqual([clock.pending, closed], [0, 1]);
  },
);

Deno.test(
  needsCommands(
    ["openssl"],
    "while the API server is away scrapes get 500, the log has one line, and posts go on",
  ),
  async () => {
    await using embedded = await startEmbedded();
    await using running = await startInPod(embedded.identity);
    await embedded.api.refuse(true);
    for (let count = 0; count < 2; count++) {
      assertRefused(await running.scrape("reader-token"), 500, "reader-token");
    }
    assert.equal(logged(running, "Token review failed").length, 1);
    const posted = await fetch(`${running.program.webUrl}/facts`, { method: "POST" });
    assert.equal(posted.status, 401);
    await posted.body?.cancel();
    await embedded.api.refuse(false);
    assert.equal((await running.scrape("reader-token")).status, 200);
    assert.equal(logged(running, "Token reviews work again").length, 1);
  },
);

Deno.test(
  needsCommands(["openssl"], "metrics show the certificate of the files, and plain HTTP gets none"),
  async () => {
    await using embedded = await startEmbedded();
    const folder = await Deno.makeTempDir();
    try {
      const { caCertificate } = await createCertificates(folder);
      await using running = await startInPod(embedded.identity, {
        METRICS_CERT_FILE: `${folder}/server.crt`,
        METRICS_KEY_FILE: `${folder}/server.key`,
      });
      assert.equal((await scrape(running.port, caCertificate, "reader-token")).status, 200);
      await assert.rejects(fetch(`http://127.0.0.1:${running.port}/metrics`));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test(
  needsCommands(
    ["openssl"],
    "the program does not start when the certificate can't be read, or without a cluster",
  ),
  async () => {
    const [port = 0] = freePorts(1);
    const metrics = {
      METRICS_BIND_ADDRESS: `127.0.0.1:${port}`,
      INSIGHTS_LOCAL: "true",
      RABBITMQ_ENABLED: "false",
    };
    await using embedded = await startEmbedded();
    await using pod = await createPod(embedded.identity);
    const files = { METRICS_CERT_FILE: "/nowhere/tls.crt", METRICS_KEY_FILE: "/nowhere/tls.key" };
    const cases = [
      [{ ...metrics, ...pod.env, ...files }, /Cannot read \/nowhere\/tls\.crt for TLS/],
      [
        { ...metrics, KUBECONFIG: "/nowhere/config" },
        /METRICS_SECURE=true without an API server.*\/nowhere\/config/,
      ],
    ] as const;
    for (const [env, expected] of cases) {
      const program = startWithoutCluster(env);
      assert.equal((await program.status).code, 1);
      await program.stop();
      assert.match(program.log(), expected);
    }
  },
);

Deno.test({
  ...ignoredWithoutApiserver("only callers that RBAC allows to get /metrics get secure metrics"),
  fn: async (test) => {
    await using api = await startKubeApiserver();
    using cluster = new TestCluster(api);
    await cluster.createNamespace(OWN_NAMESPACE);
    const accessControl = new AccessControl(cluster, api);
    const reader = await accessControl.createReader("prometheus", ["/metrics"]);
    const stranger = await accessControl.createReader("stranger", ["/livez"]);

    await test.step("with the rights to review, each token gets what is its own", async () => {
      const token = await accessControl.createAccount("insights-remote", REVIEW_RULES);
      await using running = await startInPod({ ...api, token });
      assert.equal((await running.scrape(reader)).status, 200);
      assertRefused(await running.scrape(stranger), 403, stranger);
      assertRefused(await running.scrape(), 401);
      assertRefused(await running.scrape("no.token.atall"), 401);
      // The program's own token belongs to a user who may not read metrics.
      assertRefused(await running.scrape(token), 403, token);
      const now = Math.floor(Date.now() / 1000);
      const claims = { ...decodeJwt(reader), iat: now - 7200, nbf: now - 7200 };
      const expired = await api.signToken({ ...claims, exp: now - 3600 });
      assertRefused(await running.scrape(expired), 401, expired);
      // The same token without the suffix is accepted.
      assert.equal((await running.scrape(await api.signToken({ ...claims, exp: now + 3600 }))).status, 200);
      assert.deepEqual(logged(running, "Token review failed"), []);
      assert.ok(!running.program.log().includes(reader));
    });

    for (const [index, { resources: [resource] }] of REVIEW_RULES.entries()) {
      await test.step(`without the right to create ${resource}, scrapes get 500 and the log one line`, async () => {
        const token = await accessControl.createAccount(`no-${resource}`, REVIEW_RULES.toSpliced(index, 1));
        await using running = await startInPod({ ...api, token });
        for (let count = 0; count < 3; count++) assertRefused(await running.scrape(reader), 500, reader);
        const [line, ...more] = logged(running, "Token review failed");
        assert.deepEqual(more, []);
        assert.equal(line?.level, "WARN");
        assert.match(String(line?.error), new RegExp(`create ${resource}`));
        assert.match(String(line?.help), /METRICS_SECURE=false/);
        assert.ok(!running.program.log().includes(reader));
        const ready = await fetch(`${running.program.healthUrl}/readyz`);
        assert.equal(ready.status, 200);
        await ready.body?.cancel();
      });
    }
  },
});
