/** Handshakes with a real server, so that the codes are those of the runtime. */
import assert from "node:assert/strict";
import { connect, type ConnectionOptions, createServer, type TlsOptions } from "node:tls";
import { certificateFix, type CertificateFixes } from "../../../lib/tls/client.ts";
import { createCertificates } from "../../fixtures/certificates.ts";

const FIXES: CertificateFixes = {
  untrusted: "trust its CA",
  otherName: "use its name",
  clientCertificate: "show a certificate",
};

/** Connects to a server whose certificate is for server.example, and gives the error. */
async function handshake(
  client: (ca: string) => ConnectionOptions,
  server: (cert: string) => TlsOptions = () => ({}),
): Promise<unknown> {
  await using parts = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  parts.defer(() => Deno.remove(folder, { recursive: true }));
  await createCertificates(folder, "DNS:server.example");
  const [ca, cert, key] = await Promise.all(
    ["ca.crt", "server.crt", "server.key"].map((name) => Deno.readTextFile(`${folder}/${name}`)),
  );
  const listener = createServer(
    { ca: ca!, cert: cert!, key: key!, ...server(cert!) },
    (socket) => socket.end(),
  );
  listener.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  parts.defer(() => new Promise<void>((resolve) => listener.close(() => resolve())));
  const { port } = listener.address() as { port: number };
  const socket = connect({ host: "127.0.0.1", port, ...client(ca!) });
  return await new Promise((resolve) => {
    socket.on("error", resolve);
    socket.on("close", () => resolve(undefined));
    socket.on("data", () => {});
  });
}

Deno.test("an issuer that is not trusted, and another name, have the caller's fix", async () => {
  const servername = "server.example";
  assert.equal(certificateFix(await handshake(() => ({ servername })), FIXES), FIXES.untrusted);
  assert.equal(
    certificateFix(await handshake((ca) => ({ ca, servername: "other.example" })), FIXES),
    FIXES.otherName,
  );
});

Deno.test("a server that asks for a certificate has the caller's fix", async () => {
  const error = await handshake(
    (ca) => ({ ca, servername: "server.example" }),
    () => ({ requestCert: true, rejectUnauthorized: true }),
  );
  assert.equal(certificateFix(error, FIXES), FIXES.clientCertificate);
});

const BROKEN = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";

for (const rejectUnauthorized of [true, false]) {
  Deno.test(`a chain with a broken certificate does not end the process, ${rejectUnauthorized ? "verified" : "unverified"}`, async () => {
    const error = await handshake(
      (ca) => ({ ca, servername: "server.example", rejectUnauthorized }),
      (cert) => ({ cert: cert + BROKEN }),
    );
    assert.equal(certificateFix(error, FIXES), rejectUnauthorized ? FIXES.otherName : undefined);
  });
}

Deno.test("a certificate that has expired is to be renewed; other errors have no fix", () => {
  const fix = (code: unknown) => certificateFix(Object.assign(new Error("failed"), { code }), FIXES);
  assert.equal(fix("CERT_HAS_EXPIRED"), "renew the certificate");
  for (const code of ["ECONNREFUSED", "toString", 403, undefined]) assert.equal(fix(code), undefined);
  assert.equal(certificateFix("CERT_HAS_EXPIRED", FIXES), undefined);
});
