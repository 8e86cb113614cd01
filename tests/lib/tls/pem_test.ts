import assert from "node:assert/strict";
import { readPem } from "../../../lib/tls/pem.ts";
import { createCertificates } from "../../fixtures/certificates.ts";

const BROKEN = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
const FILE = { path: "/tls/file", purpose: "TLS to a test", option: "TEST_CACERT" } as const;
const folder = await Deno.makeTempDir();
const { caCertificate, certificate, key } = await createCertificates(folder).finally(() =>
  Deno.remove(folder, { recursive: true })
);

function read(text: string, holds: "CERTIFICATE" | "PRIVATE KEY" = "CERTIFICATE"): Promise<string> {
  return readPem({ ...FILE, holds }, (path) => Promise.resolve(path === FILE.path ? text : ""));
}

Deno.test("a file with whole certificates is returned unchanged, whatever else it holds", async () => {
  for (
    const text of [
      caCertificate,
      `# ours\nnot-a-block ---\n${caCertificate}${certificate}`,
      caCertificate.replaceAll("\n", "\r\n"),
      `${key}${caCertificate}`,
    ]
  ) {
    assert.equal(await read(text), text);
  }
  assert.equal(await read(key, "PRIVATE KEY"), key);
});

Deno.test("a file that can't be read is named with its option", async () => {
  const missing = () => Promise.reject(new Deno.errors.NotFound("No such file"));
  await assert.rejects(readPem({ ...FILE, holds: "CERTIFICATE" }, missing), {
    message:
      "Cannot read /tls/file for TLS to a test: No such file: provide the file, or correct TEST_CACERT",
  });
});

const REJECTED: readonly (readonly [what: string, text: string, why: string])[] = [
  ["an empty file", "", 'it has no PEM block "CERTIFICATE"'],
  ["a key", key, 'it has no PEM block "CERTIFICATE"'],
  ["a block that is no certificate", BROKEN, "its certificate 1 of 1 is broken"],
  ["a truncated certificate", caCertificate.slice(0, 200), "its certificate 1 of 1 is broken"],
  ["a certificate without its end", caCertificate.slice(0, -30), "its certificate 1 of 1 is broken"],
  ["a broken certificate after a whole one", caCertificate + BROKEN, "its certificate 2 of 2 is broken"],
  ["a broken certificate before a whole one", BROKEN + caCertificate, "its certificate 1 of 2 is broken"],
  [
    "a truncated certificate before a whole one",
    caCertificate.slice(0, 200) + caCertificate,
    "its certificate 1 of 2 is broken",
  ],
];
for (const [what, text, why] of REJECTED) {
  Deno.test(`${what} is rejected without being quoted`, async () => {
    await assert.rejects(read(text), {
      message: `Cannot use /tls/file for TLS to a test: ${why}: correct the file, or TEST_CACERT`,
    });
  });
}
