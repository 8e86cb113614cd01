import type { IncomingMessage } from "node:http";
import assert from "node:assert/strict";
import fc from "fast-check";
import { webRequest } from "../../../lib/http/request.ts";

const incoming = (parts: Partial<IncomingMessage>) =>
  webRequest({ method: "GET", url: "/", rawHeaders: [], ...parts } as IncomingMessage);

Deno.test("a request has the method, path and query that were sent", () => {
  const target = fc.stringMatching(/^\/[!-~]{0,30}$/);
  const segments = fc.array(fc.constantFrom(".", "..", "%2e", "%2E%2e", "a.b", "", "a%2Fb", "?", "\\", "#"))
    .map((parts) => `/${parts.join("/")}`);
  const method = fc.constantFrom("GET", "POST", "DELETE", "PUT", "OPTIONS", "PROPFIND", "M-SEARCH");
  const origin = fc.constantFrom("", "http://some.host", "HTTPS://some.host:80");
  fc.assert(
    fc.property(origin, fc.oneof(target, segments), method, (origin, path, method) => {
      const request = incoming({ url: origin + path, method });
      assert.deepEqual([request.method, request.url], [
        method,
        `http://localhost${path.replaceAll("#", "%23")}`,
      ]);
    }),
    { numRuns: 20_000 },
  );
  assert.equal(incoming({ url: "http://some.host?a=b" }).url, "http://localhost/?a=b");
});

Deno.test("headers are found in any case, and joined when repeated, as in a web request", () => {
  const header = fc.tuple(
    fc.constantFrom("A", "a", "Content-Length", "content-length", "Authorization", "X-B"),
    fc.stringMatching(/^[!-~]{0,8}$/),
  );
  fc.assert(fc.property(fc.array(header), (headers) => {
    const web = new Headers(headers);
    const { headers: ours } = incoming({ rawHeaders: headers.flat() });
    for (const name of ["a", "A", "content-length", "CONTENT-LENGTH", "authorization", "x-b", "none"]) {
      assert.equal(ours.get(name), web.get(name), name);
    }
  }));
});

Deno.test("methods and targets that a web request can't have are rejected", () => {
  for (const method of ["TRACE", "TRACK", "CONNECT"]) {
    assert.throws(() => new Request("http://localhost/", { method }), TypeError);
    assert.throws(() => incoming({ method }), TypeError);
  }
  for (const url of ["*", "facts", "ftp://host/", "http://", "http://[x/", "", "localhost:80"]) {
    assert.throws(() => incoming({ url }), TypeError, url);
  }
});
