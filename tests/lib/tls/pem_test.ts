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

Deno.test("a file is given as it is, whatever else stands in it, when its certificates are whole", async () => {
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

Deno.test("a file that can't be read is named with its option, and what to do", async () => {
  const missing = () => Promise.reject(new Deno.errors.NotFound("No such file"));
  await assert.rejects(readPem({ ...FILE, holds: "CERTIFICATE" }, missing), {
    message:
      "Cannot read /tls/file for TLS to a test: No such file: provide the file, or correct TEST_CACERT",
  });
});

const REFUSED: readonly (readonly [what: string, text: string, why: string])[] = [
  ["an empty file", "", 'it has no PEM block "CERTIFICATE"'],
  ["a key", key, 'it has no PEM block "CERTIFICATE"'],
  ["what is no certificate", BROKEN, "its certificate 1 of 1 is broken"],
  ["a certificate that is cut off", caCertificate.slice(0, 200), "its certificate 1 of 1 is broken"],
  ["one of which the end is missing", caCertificate.slice(0, -30), "its certificate 1 of 1 is broken"],
  ["a broken one after a whole one", caCertificate + BROKEN, "its certificate 2 of 2 is broken"],
  ["a broken one before a whole one", BROKEN + caCertificate, "its certificate 1 of 2 is broken"],
  [
    "one that another one begins in",
    caCertificate.slice(0, 200) + caCertificate,
    "its certificate 1 of 2 is broken",
  ],
];
for (const [what, text, why] of REFUSED) {
  Deno.test(`${what} is refused, and not quoted`, async () => {
    await assert.rejects(read(text), {
      message: `Cannot use /tls/file for TLS to a test: ${why}: correct the file, or TEST_CACERT`,
    });
  });
}
