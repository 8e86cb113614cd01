/**
 * What the service may do, computed from its configuration before it starts: the permissions of the Worker that it runs
 * in. Nothing that a tenant sends can change them.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import type { HostPort } from "../config/values.ts";
import { filesOf } from "../kube/kubeconfig_access.ts";
import type { ClusterSource } from "./cluster.ts";

/** Permissions in the form that a Worker of Deno takes; `false` for none of a kind. */
export interface ServicePermissions {
  /** `host:port` of what it connects to and listens on. */
  readonly net: readonly string[];
  /** Files, and folders with all that is in them. */
  readonly read: readonly string[] | false;
  /** Environment variables. */
  readonly env: false;
  /** Native libraries. */
  readonly ffi: false;
  /** Code from elsewhere. */
  readonly import: false;
  /** Other programs. */
  readonly run: false;
  /** What the system tells of itself. */
  readonly sys: false;
  /** Files. */
  readonly write: false;
}

/**
 * Computes the permissions.
 *
 * @param cluster Undefined when nothing asks the API server.
 */
export function servicePermissions(config: Config, cluster: ClusterSource | undefined): ServicePermissions {
  const { web, health, metrics, broker } = config;
  const track = config.configMaps.enabled ? config.dependencyTrack : undefined;
  const net = [
    ...web.enabled ? listening({ hostname: undefined, port: web.port }) : [],
    ...health ? listening(health) : [],
    ...metrics ? listening(metrics.address) : [],
    ...broker.enabled ? [address(broker.host, broker.port)] : [],
    ...cluster ? [serverOf(cluster)] : [],
    ...track ? trackServers(track) : [],
  ];
  const { caFile = "", certFile = "", keyFile = "" } = broker.enabled && broker.tls || {};
  const { certFile: metricsCertFile = "", keyFile: metricsKeyFile = "" } = metrics?.tls ?? {};
  const files = [caFile, certFile, keyFile, metricsCertFile, metricsKeyFile, track?.server?.caFile ?? ""];
  const read = [
    ...files.filter((file) => file !== ""),
    ...cluster?.kind === "service-account" ? [cluster.directory] : [],
    ...cluster?.kind === "kubeconfig" ? filesOf(cluster.context) : [],
  ];
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

/** Without a host a server listens on all addresses: of IPv6 and IPv4 together, or of IPv4 where there is no other. */
function listening({ hostname, port }: HostPort & { readonly port: number }): string[] {
  return (hostname === undefined ? ["::", "0.0.0.0"] : [hostname]).map((host) => address(host, port));
}

/** The operator's server, and the hosts that the operator allows sites to name: no site can add one. */
function trackServers({ server, custom }: NonNullable<Config["dependencyTrack"]>): string[] {
  const { allowedHosts, allowHttp } = custom;
  const ports = (port: number | undefined) => port === undefined ? allowHttp ? [443, 80] : [443] : [port];
  return [
    ...server ? [ofUrl(server.endpoint)] : [],
    ...allowedHosts.flatMap(({ hostname, port }) => ports(port).map((each) => address(hostname, each))),
  ];
}

function serverOf(cluster: ClusterSource): string {
  if (cluster.kind === "service-account") return address(cluster.host, cluster.port);
  return ofUrl(cluster.context.server);
}

function ofUrl(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return address(hostname, port || (protocol === "https:" ? 443 : 80));
}

function address(host: string, port: number | string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]:${port}` : `${host}:${port}`;
}
