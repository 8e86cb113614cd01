/** Checked with node's parser and the `openssl` command. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { createSelfSigned } from "../../../lib/tls/self_signed.ts";
import { needsCommands } from "../../fixtures/commands.ts";

const NOW = Date.parse("2026-11-23T10:00:00Z");

function parse(hostname = "pod-1", now = NOW): X509Certificate {
  return new X509Certificate(createSelfSigned(hostname, now).certificate);
}

Deno.test("a self-signed certificate has the names that a scraper may use, and is no CA", () => {
  const certificate = parse("insights-remote-5d9f.lagoon");
  for (const name of ["localhost", "insights-remote-5d9f.lagoon"]) {
    assert.equal(certificate.checkHost(name), name);
  }
  for (const address of ["127.0.0.1", "::1"]) assert.equal(certificate.checkIP(address), address);
  assert.equal(certificate.checkHost("other"), undefined);
  assert.equal(certificate.ca, false);
  assert.equal(certificate.verify(certificate.publicKey), true);
});

Deno.test("a self-signed certificate leaves out an invalid host name", () => {
  for (const hostname of ["", "a_b", "ü", "a b", `${"a".repeat(64)}`, "a..b", "-a"]) {
    assert.equal(parse(hostname).subjectAltName, "DNS:localhost, IP Address:127.0.0.1, IP Address:::1");
  }
});

Deno.test("a self-signed certificate is valid for a year, also after 2050 and for clocks that are behind", () => {
  const { validFrom, validTo } = parse();
  assert.deepEqual([validFrom, validTo], ["Nov 23 09:00:00 2026 GMT", "Nov 23 10:00:00 2027 GMT"]);
  const later = parse("pod-1", Date.parse("2049-12-31T23:30:00Z"));
  assert.deepEqual([later.validFrom, later.validTo], [
    "Dec 31 22:30:00 2049 GMT",
    "Dec 31 23:30:00 2050 GMT",
  ]);
});

Deno.test("two self-signed certificates have different keys and serial numbers", () => {
  const [one, other] = [createSelfSigned("pod-1", NOW), createSelfSigned("pod-1", NOW)];
  assert.notEqual(one.key, other.key);
  const serials = [one, other].map(({ certificate }) => new X509Certificate(certificate).serialNumber);
  assert.notEqual(serials[0], serials[1]);
  for (const serial of serials) assert.match(serial, /^0?1[0-9A-F]{30}$/);
});

Deno.test(
  needsCommands(
    ["openssl"],
    "openssl accepts a self-signed certificate for a TLS server in strict mode",
  ),
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      // With a long name, DER lengths take two bytes or more.
      for (const hostname of ["a", `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.lagoon`]) {
        const { certificate } = createSelfSigned(hostname, Date.now());
        await Deno.writeTextFile(`${folder}/server.crt`, certificate);
        const { success, stdout, stderr } = await new Deno.Command("openssl", {
          args: ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "server.crt", "server.crt"],
          cwd: folder,
        }).output();
        const text = new TextDecoder();
        assert.ok(success, text.decode(stdout) + text.decode(stderr));
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
