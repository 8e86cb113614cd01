/**
 * Which IP addresses a server that a site names must not have: those of this machine, of the cluster, and of the network
 * around it, which a site could not reach by itself.
 *
 * @module
 */
import { BlockList, isIPv6 } from "node:net";

/** IANA's special-purpose registries (RFC 6890), but for those that are globally reachable. */
const INTERNAL: readonly (readonly [net: string, prefix: number, family: "ipv4" | "ipv6"])[] = [
  ["0.0.0.0", 8, "ipv4"],
  ["10.0.0.0", 8, "ipv4"],
  ["100.64.0.0", 10, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["172.16.0.0", 12, "ipv4"],
  ["192.0.0.0", 24, "ipv4"],
  ["192.0.2.0", 24, "ipv4"],
  ["192.168.0.0", 16, "ipv4"],
  ["198.18.0.0", 15, "ipv4"],
  ["198.51.100.0", 24, "ipv4"],
  ["203.0.113.0", 24, "ipv4"],
  // Multicast, reserved, broadcast.
  ["224.0.0.0", 3, "ipv4"],
];

/** Of IPv6 only global unicast is reachable by everybody; within it stand those that lead elsewhere. */
const GLOBAL_UNICAST = ["2000::", 3] as const;
const NOT_GLOBAL: readonly (readonly [net: string, prefix: number])[] = [
  // Teredo, 6to4 and benchmarks carry or stand for IPv4; the other is for documents.
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];

const internalList = new BlockList();
for (const [net, prefix, family] of INTERNAL) internalList.addSubnet(net, prefix, family);
for (const [net, prefix] of NOT_GLOBAL) internalList.addSubnet(net, prefix, "ipv6");
const globalList = new BlockList();
globalList.addSubnet(...GLOBAL_UNICAST, "ipv6");

/**
 * Whether everybody can reach an address.
 *
 * @param address An IPv4 or IPv6 address; anything else is not public. IPv4 within IPv6 (`::ffff:…`, NAT64) isn't either.
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv6(address)) return globalList.check(address, "ipv6") && !internalList.check(address, "ipv6");
  return /^\d+\.\d+\.\d+\.\d+$/.test(address) && !internalList.check(address, "ipv4");
}
