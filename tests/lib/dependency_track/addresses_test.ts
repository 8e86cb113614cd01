import assert from "node:assert/strict";
import { isPublicAddress } from "../../../lib/dependency_track/addresses.ts";

const PUBLIC = [
  "1.1.1.1",
  "8.8.8.8",
  "100.63.255.255",
  "172.15.0.1",
  "172.32.0.1",
  "223.255.255.255",
  "2001:200::1",
  "2606:4700::1",
  "3fff:1000::1",
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
  "192.0.0.1",
  "192.0.2.1",
  "192.168.1.1",
  "198.18.0.1",
  "198.51.100.1",
  "203.0.113.1",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::127.0.0.1",
  "::ffff:127.0.0.1",
  "::ffff:8.8.8.8",
  "64:ff9b::7f00:1",
  "64:ff9b:1::1",
  "100::1",
  "100:0:0:1::1",
  "2001::1",
  "2001:2::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "3fff::1",
  "4000::1",
  "5f00::1",
  "fc00::1",
  "fd12::1",
  "fe80::1",
  "fe80::1%eth0",
  "fec0::1",
  "ff02::1",
];

for (const address of PUBLIC) {
  Deno.test(`${address} is public`, () => assert.equal(isPublicAddress(address), true));
}
for (const address of [...INTERNAL, "", "localhost", "1.1.1", "0x7f.1", "8.8.8.08"]) {
  Deno.test(`${address || "an empty text"} is not public`, () => {
    assert.equal(isPublicAddress(address), false);
  });
}
