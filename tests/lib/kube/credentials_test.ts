import assert from "node:assert/strict";
import { type Credentials, rotatingAccess, serviceAccountAccess } from "../../../lib/kube/credentials.ts";
import { ManualClock } from "../../fixtures/clock.ts";

function setUp(host = "10.0.0.1") {
  const clock = new ManualClock();
  const files: Record<string, string> = { "/sa/token": "first\n", "/sa/ca.crt": "" };
  const access = serviceAccountAccess({
    directory: "/sa",
    host,
    port: "443",
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
  assert.deepEqual(await access.headers(), { authorization: "Bearer first" });
  files["/sa/token"] = "second";
  await clock.advance(59_999);
  assert.deepEqual(await access.headers(), { authorization: "Bearer first" });
  await clock.advance(1);
  assert.deepEqual(await access.headers(), { authorization: "Bearer second" });
  access.close();
});

Deno.test("serviceAccountAccess() reads the token again at once when the server refused it", async () => {
  const { files, access } = setUp();
  await access.headers();
  files["/sa/token"] = "second";
  access.invalidate();
  assert.deepEqual(await access.headers(), { authorization: "Bearer second" });
  access.close();
});

Deno.test("serviceAccountAccess() keeps its connections while the CA certificate stays the same", async () => {
  const { clock, access } = setUp();
  const client = await access.httpClient();
  await clock.advance(60_000);
  assert.equal(await access.httpClient(), client);
  access.close();
});

Deno.test("serviceAccountAccess() says which file it can't read", async () => {
  const { files, access } = setUp();
  delete files["/sa/token"];
  await assert.rejects(access.headers(), {
    code: "service-account",
    message: "Cannot read /sa/token of the ServiceAccount",
  });
});

Deno.test("serviceAccountAccess() writes an IPv6 address of the API server in brackets", () => {
  assert.equal(setUp("fd00::1").access.server, "https://[fd00::1]:443");
  assert.equal(setUp().access.server, "https://10.0.0.1:443");
});

Deno.test("credentials that arrive after closing are not used, and open no connection", async () => {
  const read = Promise.withResolvers<Credentials>();
  const access = rotatingAccess({
    server: "https://127.0.0.1:1",
    namespace: () => Promise.resolve("lagoon"),
    clock: new ManualClock(),
    read: () => read.promise,
  });
  const refused = assert.rejects(access.headers(), { code: "credentials-closed" });
  access.close();
  read.resolve({ ca: undefined, token: "late" });
  await refused;
});
