import assert from "node:assert/strict";
import { type Credentials, rotatingAccess, serviceAccountAccess } from "../../../lib/kube/credentials.ts";
import { describeError } from "../../../lib/errors.ts";
import { ManualClock } from "../../fixtures/clock.ts";

function setUp(host = "10.0.0.1") {
  const clock = new ManualClock();
  const files: Record<string, string> = { "/sa/token": "first\n", "/sa/ca.crt": "" };
  const access = serviceAccountAccess({ directory: "/sa", host, port: "443" }, {
    clock,
    readTextFile: (path) => {
      const text = files[path];
      return text === undefined ? Promise.reject(new Error("no such file")) : Promise.resolve(text);
    },
  });
  return { clock, files, access };
}

Deno.test("serviceAccountAccess() reads a rotated token within a minute", async () => {
  const { clock, files, access } = setUp();
  assert.deepEqual((await access.connect()).headers, { authorization: "Bearer first" });
  files["/sa/token"] = "second";
  await clock.advance(59_999);
  assert.deepEqual((await access.connect()).headers, { authorization: "Bearer first" });
  await clock.advance(1);
  assert.deepEqual((await access.connect()).headers, { authorization: "Bearer second" });
  access.close();
});

Deno.test("serviceAccountAccess() reads the token again at once when the server refused it", async () => {
  const { files, access } = setUp();
  const connection = await access.connect();
  files["/sa/token"] = "second";
  access.invalidate(connection);
  assert.deepEqual((await access.connect()).headers, { authorization: "Bearer second" });
  access.close();
});

Deno.test("serviceAccountAccess() keeps its connections while the CA certificate stays the same", async () => {
  const { clock, access } = setUp();
  const { client } = await access.connect();
  await clock.advance(60_000);
  assert.equal((await access.connect()).client, client);
  access.close();
});

Deno.test("serviceAccountAccess() says which file it can't read", async () => {
  const { files, access } = setUp();
  delete files["/sa/token"];
  await assert.rejects(access.connect(), {
    code: "service-account",
    message: "Cannot read /sa/token of the ServiceAccount",
  });
});

Deno.test("serviceAccountAccess() writes an IPv6 address of the API server in brackets", () => {
  assert.equal(setUp("fd00::1").access.server, "https://[fd00::1]:443");
  assert.equal(setUp().access.server, "https://10.0.0.1:443");
});

/** Access whose credentials are what a test sets. */
function setUpRotating(read: (options: { refused: boolean }) => Promise<Credentials>) {
  const clock = new ManualClock();
  const access = rotatingAccess({
    server: "https://127.0.0.1:1",
    namespace: () => Promise.resolve("lagoon"),
    clock,
    read,
  });
  return { clock, access, [Symbol.dispose]: () => access.close() };
}

Deno.test("rotatingAccess() sends no header without a token", async () => {
  using scene = setUpRotating(() => Promise.resolve({ ca: undefined, token: undefined }));
  assert.deepEqual((await scene.access.connect()).headers, {});
});

Deno.test("rotatingAccess() reads credentials once for concurrent requests, and again when they expire", async () => {
  let reads = 0;
  using scene = setUpRotating(() => {
    reads++;
    return Promise.resolve({ ca: undefined, token: String(reads), expiresAt: clock.now() + 30_000 });
  });
  const { access, clock } = scene;
  const [{ headers }] = await Promise.all([access.connect(), access.connect(), access.connect()]);
  assert.deepEqual([headers, reads], [{ authorization: "Bearer 1" }, 1]);
  await clock.advance(29_999);
  assert.deepEqual((await access.connect()).headers, { authorization: "Bearer 1" });
  await clock.advance(1);
  assert.deepEqual((await access.connect()).headers, { authorization: "Bearer 2" });
});

Deno.test("rotatingAccess() says that credentials were refused until it has read others", async () => {
  const requests: boolean[] = [];
  using scene = setUpRotating(({ refused }) => {
    requests.push(refused);
    return requests.length === 2
      ? Promise.reject(new Error("not yet"))
      : Promise.resolve({ ca: undefined, token: "abc" });
  });
  scene.access.invalidate(await scene.access.connect());
  await assert.rejects(scene.access.connect(), /not yet/);
  await scene.access.connect();
  await scene.clock.advance(60_000);
  await scene.access.connect();
  assert.deepEqual(requests, [false, true, true, false]);
});

Deno.test("rotatingAccess() reads refused credentials again once, however many requests they were used for", async () => {
  const requests: boolean[] = [];
  using scene = setUpRotating(({ refused }) => {
    requests.push(refused);
    return Promise.resolve({ ca: undefined, token: String(requests.length) });
  });
  const first = await scene.access.connect();
  scene.access.invalidate(first);
  await scene.access.connect();
  // The answer to another request of the same time.
  scene.access.invalidate(first);
  assert.deepEqual((await scene.access.connect()).headers, { authorization: "Bearer 2" });
  assert.deepEqual(requests, [false, true]);
});

Deno.test("rotatingAccess() refuses a token that no header can have, without quoting it", async () => {
  for (const token of ["s3cret\nline", "s3cret…"]) {
    using scene = setUpRotating(() => Promise.resolve({ ca: undefined, token }));
    await assert.rejects(scene.access.connect(), {
      code: "token",
      message: "Cannot use the token for https://127.0.0.1:1: it has characters that a header can't have",
    });
  }
});

Deno.test("rotatingAccess() names the server when certificates can't be used", async () => {
  const certificate = { cert: "no PEM", key: "s3cret" };
  using scene = setUpRotating(() => Promise.resolve({ ca: undefined, token: undefined, certificate }));
  await assert.rejects(scene.access.connect(), (error: Error & { code: string }) => {
    assert.equal(error.code, "certificates");
    assert.match(
      error.message,
      /^Cannot use the CA, or the client certificate and key, for https:\/\/127\.0\.0\.1:1$/,
    );
    assert.doesNotMatch(describeError(error), /s3cret/);
    return true;
  });
});

Deno.test("closing ends requests that wait for credentials, and late ones are not used", async () => {
  const read = Promise.withResolvers<Credentials>();
  const { access } = setUpRotating(() => read.promise);
  const waiting = assert.rejects(access.connect(), { code: "credentials-closed" });
  access.close();
  await waiting;
  read.resolve({ ca: undefined, token: "late" });
  await assert.rejects(access.connect(), { code: "credentials-closed" });
});
