/**
 * What the service may do: the permissions of its Worker, computed from the configuration before the service starts.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import type { HostPort } from "../config/values.ts";
import type { Cluster } from "./cluster.ts";

/** Computes the permissions. */
export function servicePermissions(config: Config, cluster: Cluster): Deno.PermissionOptionsObject {
  const { web, health, metrics, broker } = config;
  const dependencyTrack = config.configMaps.enabled ? config.dependencyTrack : undefined;
  const net = [
    ...web.enabled ? listening({ hostname: undefined, port: web.port }) : [],
    ...health ? listening(health) : [],
    ...metrics ? listening(metrics.address) : [],
    ...broker.enabled ? [address(broker.host, broker.port)] : [],
    ...cluster?.kind === "service-account" ? [address(cluster.host, cluster.port)] : [],
    ...cluster?.kind === "kubeconfig" ? [addressOf(cluster.server)] : [],
    ...dependencyTrack ? dependencyTrackHosts(dependencyTrack) : [],
  ];
  const { caFile = "", certFile = "", keyFile = "" } = broker.enabled && broker.tls || {};
  const { certFile: metricsCertFile = "", keyFile: metricsKeyFile = "" } = metrics?.tls ?? {};
  const read = [
    ...[caFile, certFile, keyFile, metricsCertFile, metricsKeyFile, dependencyTrack?.server?.caFile ?? ""],
    // The whole folder, in which the kubelet replaces the files.
    cluster?.kind === "service-account" ? cluster.directory : "",
  ].filter((file) => file !== "");
  return {
    net: [...new Set(net)].sort(),
    read: read.length > 0 ? [...new Set(read)].sort() : false,
    env: false,
    ffi: false,
    import: false,
    run: false,
    sys: false,
    write: false,
  };
}

/** Without a host name a server listens on all addresses: those of IPv6 and IPv4, or of IPv4 where there is no IPv6. */
function listening({ hostname, port }: HostPort): string[] {
  return (hostname === undefined ? ["::", "0.0.0.0"] : [hostname]).map((host) => address(host, port));
}

/** The operator's server, and the hosts that the operator allows sites to name. */
function dependencyTrackHosts({ server, custom }: NonNullable<Config["dependencyTrack"]>): string[] {
  const { allowedHosts, allowHttp } = custom;
  const ports = (port: number | undefined) => port === undefined ? allowHttp ? [443, 80] : [443] : [port];
  return [
    ...server ? [addressOf(server.endpoint)] : [],
    ...allowedHosts.flatMap(({ hostname, port }) => ports(port).map((each) => address(hostname, each))),
  ];
}

function addressOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return address(hostname, port || (protocol === "https:" ? 443 : 80));
}

function address(host: string, port: number | string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]:${port}` : `${host}:${port}`;
}
