/**
 * Options of what can be had beside the broker: Dependency-Track, and the build scanner (contract §6, §7).
 *
 * @module
 */
import { option, optional } from "./option.ts";
import { assignments, boolean, file, hostPorts, integer, template, text, url } from "./values.ts";

/** Dependency-Track and the build scanner. */
export const INTEGRATION_OPTIONS = {
  trackEnabled: option(
    "enable-dependency-track-integration",
    boolean,
    "false",
    "Push SBOMs to Dependency-Track, too: to the server below, and to those that sites name.",
  ),
  trackEndpoint: option(
    "dependency-track-api-endpoint",
    optional(url),
    "",
    "Address of Dependency-Track's API server; empty for no server but those that sites name.",
  ),
  trackKey: option("dependency-track-api-key", text, "", "Key for Dependency-Track's API.", { secret: true }),
  trackCaFile: option(
    "dependency-track-cacert",
    file,
    "",
    "CA certificates that the certificate of this server is verified with, PEM; the well-known ones without it. Servers that sites name need a certificate of a well-known one. The file is read again for each connection.",
  ),
  trackRoot: option(
    "dependency-track-root-project-name-template",
    template,
    "{{ .ProjectName }}",
    "Name of the root project; empty for none.",
  ),
  trackParent: option(
    "dependency-track-parent-project-name-template",
    template,
    "{{ .ProjectName }}-{{ .EnvironmentName }}",
    "Name of the parent project; empty for no parents at all.",
  ),
  trackProject: option(
    "dependency-track-project-name-template",
    template,
    "{{ .ProjectName }}-{{ .EnvironmentName }}-{{ .ServiceName }}",
    "Name of the project that holds the SBOM.",
  ),
  trackVersion: option(
    "dependency-track-version-template",
    template,
    "unset",
    "Version of the project that holds the SBOM.",
  ),
  trackProdOnly: option(
    "dependency-track-push-prod-only",
    boolean,
    "true",
    "Push only SBOMs of production environments.",
  ),
  trackAllowedHosts: option(
    "dependency-track-allowed-hosts",
    hostPorts,
    "",
    "Hosts that sites may name as their own Dependency-Track, with commas between them; a host without a port stands for 443. Without any, SBOMs for a site's own server are refused.",
  ),
  trackAllowHttp: option(
    "dependency-track-allow-http",
    boolean,
    "false",
    "Sites' own servers may be named with http://, and then get their keys and SBOMs in the clear.",
  ),
  trackMaxConcurrent: option(
    "dependency-track-max-concurrent",
    integer(1, 100),
    "2",
    "SBOMs that are uploaded at the same time, to each kind of server.",
  ),
  trackMaxSbomBytes: option(
    "dependency-track-max-sbom-bytes",
    integer(1, 1_073_741_824),
    "134217728",
    "Most that an SBOM may unpack to, in bytes; a larger one is refused.",
  ),
  trackRequestSeconds: option(
    "dependency-track-request-timeout",
    integer(1, 600),
    "60",
    "Longest time for one request to Dependency-Track, an upload among them, in seconds.",
  ),
  trackProcessingSeconds: option(
    "dependency-track-processing-timeout",
    integer(1, 3600),
    "300",
    "Longest time that Dependency-Track may take to process an SBOM, in seconds.",
  ),
  scannerEnabled: option(
    "enable-build-scanner",
    boolean,
    "false",
    "Have the images of an environment scanned when a build has finished.",
    { env: "ENABLE_BUILD_SCANNING" },
  ),
  scannerImage: option(
    "build-scanner-image",
    text,
    "uselagoon/insights-scanner:latest",
    "Image of the scanner.",
  ),
  scannerEnv: option(
    "build-scanner-extra-env",
    assignments,
    "",
    "More environment variables for the scanner: repeated, or with commas between them.",
    { env: "BUILD_SCANNER_EXTRA_ENV_VARS", secret: true },
  ),
} as const;
