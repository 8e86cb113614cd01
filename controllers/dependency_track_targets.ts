/**
 * The kinds of Dependency-Track servers: the operator's, and those that sites name, which may be hostile.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { readAuthorities } from "../lib/dependency_track/authorities.ts";
import type { DependencyTrackServer } from "../lib/dependency_track/client.ts";
import { DependencyTrackRefusedError } from "../lib/dependency_track/errors.ts";
import { unlessNotFound } from "../lib/kube/errors.ts";
import { type ConfigMap, type ObjectMeta, RESOURCES, type Secret } from "../lib/kube/objects.ts";
import { ANNOTATIONS, LABELS, type Labels, parseGoBoolean } from "../lib/lagoon.ts";
import { dependencyTrackDestination, type Destination } from "./destination.ts";
import type { OutcomeReporting } from "./outcomes.ts";
import type { Parts } from "./parts.ts";

/** One kind of server. */
export interface DependencyTrackTarget {
  readonly destination: Destination;
  readonly reporting: OutcomeReporting;
  /** Whether a slow server must leave workers to others of its kind. */
  readonly hasManyServers: boolean;
  /**
   * Finds the server for an SBOM; undefined when it only takes those of production environments.
   *
   * @param namespaceLabels Decide what is production.
   * @throws {DependencyTrackRefusedError} Codes `track-endpoint` and `track-key`, with what the site's developer can do.
   */
  resolve(
    metadata: ConfigMap["metadata"],
    namespaceLabels: Labels,
    signal: AbortSignal,
  ): Promise<DependencyTrackServer | undefined>;
}

/** The operator's settings for servers that sites name. */
export interface CustomTargetOptions {
  /** The only hosts that sites may name, as `URL` writes them; without a port the default one of the scheme. */
  readonly allowedHosts: readonly { readonly hostname: string; readonly port: number | undefined }[];
  readonly allowHttp: boolean;
  /** Whether only production environments are sent where the site doesn't choose. */
  readonly prodOnly: boolean;
  readonly allowsAddress: (address: string) => boolean;
}

/** The Secret with the variables of an environment, and our keys in it (docs/protocol.md, "Dependency-Track"). */
const SITE_SECRET = {
  name: "lagoon-env",
  key: "LAGOON_FEATURE_FLAG_INSIGHTS_DEPENDENCY_TRACK_API_KEY",
  prodOnly: "LAGOON_FEATURE_FLAG_INSIGHTS_DEPENDENCY_TRACK_PUSH_PROD_ONLY",
} as const;

/** The operator's server. */
export function defaultTarget(
  { endpoint, key, caFile }: { readonly endpoint: string; readonly key: string; readonly caFile: string },
  prodOnly: boolean,
  { readTextFile }: Pick<Parts, "readTextFile">,
): DependencyTrackTarget {
  const server = {
    endpoint: new URL(endpoint),
    key,
    readAuthorities: () => readAuthorities(caFile, readTextFile),
    allowsAddress: () => true,
  };
  return {
    destination: dependencyTrackDestination("default", () => true),
    hasManyServers: false,
    reporting: {
      refusedReason: "DependencyTrackRefused",
      failedReason: "DependencyTrackFailed",
      reportedCodes: ["track-project-elsewhere", "track-project-inactive"],
      remembersRefusals: true,
      showsCauses: true,
    },
    resolve: (_metadata, namespaceLabels) =>
      Promise.resolve(prodOnly && !isProduction(namespaceLabels) ? undefined : server),
  };
}

/** The servers that sites name. */
export function customTarget(
  { kube, log }: Pick<Parts, "kube" | "log">,
  options: CustomTargetOptions,
): DependencyTrackTarget {
  const endpointOf = ({ annotations = {} }: ObjectMeta) =>
    annotations[ANNOTATIONS.dependencyTrackEndpoint] ?? "";

  function prodOnlyOf(secret: Secret | undefined, namespace: string): boolean {
    const text = valueOf(secret, SITE_SECRET.prodOnly);
    const prodOnly = parseGoBoolean(text);
    if (text !== "" && prodOnly === undefined) {
      const fields = { namespace, variable: SITE_SECRET.prodOnly };
      log.warn("Ignored a site's variable that is neither true nor false", fields);
    }
    return prodOnly ?? options.prodOnly;
  }

  return {
    destination: dependencyTrackDestination("custom", (metadata) => endpointOf(metadata) !== ""),
    hasManyServers: true,
    reporting: {
      refusedReason: "DependencyTrackRefused",
      failedReason: "DependencyTrackFailed",
      remembersRefusals: true,
      showsCauses: true,
    },
    async resolve(metadata, namespaceLabels, signal) {
      const endpoint = checkEndpoint(endpointOf(metadata), options);
      const secretKey = { namespace: metadata.namespace, name: SITE_SECRET.name };
      const secret = await unlessNotFound(kube.get(RESOURCES.secrets, secretKey, { signal }));
      const key = valueOf(secret, SITE_SECRET.key);
      if (!/^[\x21-\x7e]+$/.test(key)) {
        throw new DependencyTrackRefusedError(
          "track-key",
          "Cannot send this SBOM to the site's own Dependency-Track because there is no API key: " +
            `set the variable ${SITE_SECRET.key} on the environment, and deploy it again`,
        );
      }
      if (prodOnlyOf(secret, metadata.namespace) && !isProduction(namespaceLabels)) return undefined;
      return { endpoint, key, allowsAddress: options.allowsAddress };
    },
  };
}

function isProduction(labels: Labels): boolean {
  return labels[LABELS.environmentType] === "production";
}

function checkEndpoint(text: string, { allowedHosts, allowHttp }: CustomTargetOptions): URL {
  const url = URL.parse(text);
  const schemePort = url?.protocol === "https:" ? 443 : url?.protocol === "http:" ? 80 : undefined;
  if (!url || !schemePort || url.username || url.password || url.search || url.hash) {
    throw endpointError("must be a URL such as https://track.example.com, without user, query or fragment");
  }
  if (url.protocol === "http:" && !allowHttp) throw endpointError("must begin with https://");
  const isAllowed = allowedHosts.some(({ hostname, port = schemePort }) =>
    url.hostname === hostname && Number(url.port || schemePort) === port
  );
  if (isAllowed) return url;
  throw endpointError(
    "names a host that is not allowed in this cluster: ask the platform's operators to allow it",
  );
}

function endpointError(what: string): DependencyTrackRefusedError {
  return new DependencyTrackRefusedError(
    "track-endpoint",
    `Cannot send this SBOM because the annotation ${ANNOTATIONS.dependencyTrackEndpoint} ${what}`,
  );
}

function valueOf(secret: Secret | undefined, name: string): string {
  return Buffer.from(secret?.data?.[name] ?? "", "base64").toString().trim();
}
