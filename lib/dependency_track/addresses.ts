/**
 * Which IP addresses a Dependency-Track server that a site names may have.
 *
 * @module
 */
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** All of IPv6 that IANA has assigned as global unicast; the library counts the unassigned rest as unicast, too. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Whether an address is on the public internet: unicast, and not of this machine, the cluster or a private network. IPv4
 * inside IPv6 (`::ffff:…`, NAT64, 6to4) is not public.
 *
 * @param address An IPv4 or IPv6 address; anything else is not public.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  const ip = ipaddr.parse(address);
  return ip.range() === "unicast" && (ip instanceof ipaddr.IPv4 || ip.match(GLOBAL_UNICAST));
}
