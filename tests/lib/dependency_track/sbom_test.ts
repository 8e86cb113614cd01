import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { checkSbom, unpackSbom } from "../../../lib/dependency_track/sbom.ts";

const TEXT = JSON.stringify({ bomFormat: "CycloneDX", name: "é" });

function pack(text: string): string {
  return gzipSync(text).toString("base64");
}

async function unpack(base64: string, maxBytes = 1_000_000): Promise<string> {
  const pieces = await Array.fromAsync(unpackSbom(base64, maxBytes));
  return new TextDecoder().decode(new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()));
}

Deno.test("an SBOM is unpacked, and one that is not packed is returned as it is", async () => {
  assert.equal(await unpack(pack(TEXT)), TEXT);
  assert.equal(await unpack(btoa("{}")), "{}");
});

Deno.test("several gzip members make one SBOM", async () => {
  const both = new Uint8Array([...gzipSync("ab"), ...gzipSync("cd")]).toBase64();
  assert.equal(await unpack(both), "abcd");
});

Deno.test("the limit counts unpacked bytes, and ends the unpacking there", async () => {
  assert.equal((await unpack(pack("x".repeat(1000)), 1000)).length, 1000);
  await assert.rejects(unpack(pack("x".repeat(1001)), 1000), { code: "track-sbom-too-large" });
  let seen = 0;
  const bomb = pack("x".repeat(100_000_000));
  await assert.rejects(async () => {
    for await (const piece of unpackSbom(bomb, 1_000_000)) seen += piece.length;
  }, { code: "track-sbom-too-large" });
  assert.ok(seen <= 1_000_000, `${seen} bytes`);
});

Deno.test("the check refuses an SBOM that is cut off, damaged or empty", async () => {
  const packed = gzipSync(TEXT.repeat(100));
  const damaged = new Uint8Array(packed);
  damaged[Math.floor(damaged.length / 2)]! ^= 0xff;
  for (const bytes of [packed.subarray(0, -4), damaged, new Uint8Array()]) {
    await assert.rejects(checkSbom(new Uint8Array(bytes).toBase64(), 1_000_000), {
      code: "track-sbom-broken",
    });
  }
  await checkSbom(pack(TEXT), 1_000_000);
});

Deno.test("a reader that stops early leaves no resource open", async () => {
  for await (const _piece of unpackSbom(pack("x".repeat(5_000_000)), 10_000_000)) break;
});
