/**
 * The part of the configuration that is about Dependency-Track (contract §6).
 *
 * @module
 */
import { OPTIONS, type Values } from "./options.ts";

/** What pushing SBOMs is built from. Durations are in milliseconds. */
export interface TrackConfig {
  /** The operator's server; undefined for none. An empty name of the file with its CAs stands for none. */
  readonly server: { readonly endpoint: string; readonly key: string; readonly caFile: string } | undefined;
  /** Servers that sites may name; a host without a port stands for its scheme's. */
  readonly custom: {
    readonly allowedHosts: readonly { readonly hostname: string; readonly port: number | undefined }[];
    readonly allowHttp: boolean;
  };
  /** Whether only production environments are pushed. */
  readonly prodOnly: boolean;
  /** What projects are called. */
  readonly templates: {
    readonly root: string;
    readonly parent: string;
    readonly project: string;
    readonly version: string;
  };
  /** Uploads at the same time, to each kind of server. */
  readonly maxConcurrent: number;
  /** Most that an SBOM may unpack to. */
  readonly maxSbomBytes: number;
  /** Longest time for one request. */
  readonly requestTimeoutMs: number;
  /** Longest time for processing. */
  readonly processingTimeoutMs: number;
  /** How often a server is asked whether it has processed an SBOM. */
  readonly pollMs: number;
}

const SECOND = 1000;

/** How often Dependency-Track is asked whether it has processed an SBOM: that takes it seconds to minutes. */
const TRACK_POLL_MS = 2 * SECOND;

/** The section of the configuration. */
export function trackSection(values: Values): TrackConfig | undefined {
  if (!values.trackEnabled) return undefined;
  const { trackEndpoint: endpoint, trackKey: key, trackCaFile: caFile } = values;
  return {
    server: endpoint === undefined ? undefined : { endpoint, key, caFile },
    custom: { allowedHosts: values.trackAllowedHosts, allowHttp: values.trackAllowHttp },
    prodOnly: values.trackProdOnly,
    templates: {
      root: values.trackRoot,
      parent: values.trackParent,
      project: values.trackProject,
      version: values.trackVersion,
    },
    maxConcurrent: values.trackMaxConcurrent,
    maxSbomBytes: values.trackMaxSbomBytes,
    requestTimeoutMs: values.trackRequestSeconds * SECOND,
    processingTimeoutMs: values.trackProcessingSeconds * SECOND,
    pollMs: TRACK_POLL_MS,
  };
}

/** What is wrong with the options, each problem by their names. */
export function trackProblems(
  { trackEnabled, trackEndpoint, trackKey, trackCaFile, trackAllowedHosts }: Values,
): string[] {
  if (!trackEnabled) return [];
  const { trackEndpoint: endpoint, trackKey: key, trackCaFile: caFile, trackAllowedHosts: hosts } = OPTIONS;
  if ((trackEndpoint === undefined) !== (trackKey === "")) {
    return [`${endpoint.env}, ${key.env}: expected both an address and its key, or neither`];
  }
  if (!/^[\x21-\x7e]*$/.test(trackKey)) return [`${key.env}: expected letters, digits and signs of ASCII`];
  // Who sets it expects TLS to be verified with it, which is so for no other server.
  if (trackCaFile !== "" && !trackEndpoint?.startsWith("https:")) {
    return [`${caFile.env}: expected only where ${endpoint.env} begins with https://`];
  }
  if (trackEndpoint !== undefined || trackAllowedHosts.length > 0) return [];
  return [`${endpoint.env}, ${hosts.env}: expected one of them, as otherwise there is no server to push to`];
}
