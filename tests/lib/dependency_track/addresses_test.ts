import assert from "node:assert/strict";
import { isPublicAddress } from "../../../lib/dependency_track/addresses.ts";

const PUBLIC = [
  "1.1.1.1",
  "8.8.8.8",
  "100.63.255.255",
  "172.15.0.1",
  "172.32.0.1",
  "223.255.255.255",
  "2606:4700::1",
];
const INTERNAL = [
  "0.0.0.0",
  "10.0.0.1",
  "100.64.0.1",
  "127.0.0.1",
  "127.255.255.255",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "198.18.0.1",
  "224.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::ffff:127.0.0.1",
  "::ffff:8.8.8.8",
  "64:ff9b::7f00:1",
  "2001::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "fc00::1",
  "fd12::1",
  "fe80::1",
  "ff02::1",
];

for (const address of PUBLIC) {
  Deno.test(`everybody can reach ${address}`, () => assert.equal(isPublicAddress(address), true));
}
for (const address of [...INTERNAL, "", "localhost", "1.1.1", "0x7f.1"]) {
  Deno.test(`${address || "nothing"} is not public`, () => assert.equal(isPublicAddress(address), false));
}
