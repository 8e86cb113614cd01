/**
 * The kinds of Dependency-Track servers: the operator's, and those that sites name, which are hostile until proven otherwise.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type Authorities, WELL_KNOWN_AUTHORITIES } from "../lib/dependency_track/authorities.ts";
import type { TrackServer } from "../lib/dependency_track/client.ts";
import { TrackRefusedError } from "../lib/dependency_track/errors.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import { isNotFound } from "../lib/kube/errors.ts";
import { type ObjectMeta, RESOURCES, type Secret } from "../lib/kube/objects.ts";
import { ANNOTATIONS, LABELS, parseGoBoolean } from "../lib/lagoon.ts";
import type { Logger } from "../lib/log.ts";
import { type Destination, trackDestination } from "./destination.ts";
import type { OutcomeReporting } from "./outcomes.ts";

/** Where an SBOM goes. */
export interface ResolvedTarget {
  /** The server. */
  readonly server: TrackServer;
  /** Whether only SBOMs of production environments go there. */
  readonly prodOnly: boolean;
}

/** One kind of server. */
export interface TrackTarget {
  /** Its place on a ConfigMap. */
  readonly destination: Destination;
  /** How failures are told. */
  readonly words: OutcomeReporting;
  /**
   * Finds the server of a ConfigMap.
   *
   * @throws {TrackRefusedError} Codes `track-endpoint` and `track-key`, which tell the site's developer what to do.
   */
  resolve(
    metadata: ObjectMeta & { readonly namespace: string },
    signal: AbortSignal,
  ): Promise<ResolvedTarget>;
}

/** A host that sites may name; without a port the scheme's own. */
export interface AllowedHost {
  /** As `URL` writes it. */
  readonly hostname: string;
  /** Undefined for 443, or 80 with http. */
  readonly port: number | undefined;
}

/** What the operator allows sites. */
export interface CustomTargetOptions {
  /** Nothing else is talked to. */
  readonly allowedHosts: readonly AllowedHost[];
  /** Whether `http:` will do. */
  readonly allowHttp: boolean;
  /** What counts where a site doesn't say otherwise. */
  readonly prodOnly: boolean;
  /** Whether an IP address may be talked to. */
  readonly allowsAddress: (address: string) => boolean;
}

/** Secret with the environment's variables, and what of them is for us (contract §6). */
const SITE_SECRET = {
  name: "lagoon-env",
  key: "LAGOON_FEATURE_FLAG_INSIGHTS_DEPENDENCY_TRACK_API_KEY",
  prodOnly: "LAGOON_FEATURE_FLAG_INSIGHTS_DEPENDENCY_TRACK_PUSH_PROD_ONLY",
} as const;

/** The operator's server, whose CAs the operator chooses. */
export function defaultTarget(
  options: {
    readonly endpoint: string;
    readonly key: string;
    readonly authorities: Authorities;
    readonly prodOnly: boolean;
  },
): TrackTarget {
  const { endpoint, key, authorities, prodOnly } = options;
  const server = { endpoint: new URL(endpoint), key, authorities, allowsAddress: () => true };
  const isWanted = ({ labels = {} }: ObjectMeta) =>
    !prodOnly || labels[LABELS.environmentType] === "production";
  return {
    destination: trackDestination("default", isWanted),
    words: { refusedReason: "DependencyTrackRefused", remembersRefusals: true },
    resolve: () => Promise.resolve({ server, prodOnly }),
  };
}

/** The servers that sites name. */
export function customTarget(
  { kube, log }: { readonly kube: Pick<KubeClient, "get">; readonly log: Logger },
  options: CustomTargetOptions,
): TrackTarget {
  return {
    destination: trackDestination(
      "custom",
      ({ annotations = {} }) => Boolean(annotations[ANNOTATIONS.trackEndpoint]),
    ),
    words: {
      refusedReason: "DependencyTrackRefused",
      failedReason: "DependencyTrackFailed",
      remembersRefusals: true,
    },
    async resolve({ namespace, annotations = {} }, signal) {
      const endpoint = checkEndpoint(annotations[ANNOTATIONS.trackEndpoint] ?? "", options);
      const data = await readSiteSecret(kube, namespace, signal);
      const key = siteValue(data, SITE_SECRET.key);
      if (!/^[\x21-\x7e]+$/.test(key)) throw keyError();
      const { allowsAddress } = options;
      const server = { endpoint, key, allowsAddress, authorities: WELL_KNOWN_AUTHORITIES };
      const told = siteValue(data, SITE_SECRET.prodOnly);
      if (told !== "" && parseGoBoolean(told) === undefined) {
        log.warn("A site's choice is neither true nor false, so the operator's counts", {
          namespace,
          variable: SITE_SECRET.prodOnly,
        });
      }
      return { server, prodOnly: parseGoBoolean(told) ?? options.prodOnly };
    },
  };
}

function checkEndpoint(text: string, { allowedHosts, allowHttp }: CustomTargetOptions): URL {
  const url = URL.parse(text);
  const isSpoken = url?.protocol === "https:" || url?.protocol === "http:";
  if (
    !url || !isSpoken || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== ""
  ) {
    throw endpointError("must be a URL such as https://track.example.com, without user, query or fragment");
  }
  if (url.protocol === "http:" && !allowHttp) throw endpointError("must begin with https://");
  const schemePort = url.protocol === "https:" ? 443 : 80;
  const isAllowed = allowedHosts.some(({ hostname, port = schemePort }) =>
    url.hostname === hostname && Number(url.port || schemePort) === port
  );
  if (isAllowed) return url;
  throw endpointError(
    "names a host that is not allowed in this cluster: ask the platform's operators for it",
  );
}

function endpointError(what: string): TrackRefusedError {
  return new TrackRefusedError(
    "track-endpoint",
    `Cannot send this SBOM as the annotation ${ANNOTATIONS.trackEndpoint} ${what}`,
  );
}

function keyError(): TrackRefusedError {
  return new TrackRefusedError(
    "track-key",
    `Cannot send this SBOM to the site's own Dependency-Track as there is no API key: set the variable ${SITE_SECRET.key} ` +
      "on the environment, and deploy it again",
  );
}

async function readSiteSecret(
  kube: Pick<KubeClient, "get">,
  namespace: string,
  signal: AbortSignal,
): Promise<Secret["data"]> {
  try {
    return (await kube.get(RESOURCES.secrets, { namespace, name: SITE_SECRET.name }, { signal })).data;
  } catch (error) {
    if (isNotFound(error)) throw keyError();
    throw error;
  }
}

function siteValue(data: Secret["data"], name: string): string {
  return Buffer.from(data?.[name] ?? "", "base64").toString().trim();
}
