/**
 * The options of the process, of integrations, and of printing a token.
 *
 * @module
 */
import { option, optional } from "./option.ts";
import {
  assignments,
  bindAddress,
  boolean,
  choice,
  file,
  integer,
  logLevel,
  template,
  text,
  url,
} from "./values.ts";

/** The process: addresses, log, Kubernetes. */
export const PROCESS_OPTIONS = {
  healthAddress: option(
    "health-probe-bind-address",
    bindAddress,
    ":8081",
    "Address of /healthz and /readyz; 0 for off.",
  ),
  metricsAddress: option(
    "metrics-bind-address",
    bindAddress,
    "0",
    "Address of /metrics; 0 for off.",
  ),
  metricsSecure: option(
    "metrics-secure",
    boolean,
    "true",
    "Metrics over HTTPS, for callers that Kubernetes allows to get the nonResourceURL /metrics; false gives them to whoever reaches the address.",
  ),
  metricsCertFile: option(
    "metrics-cert-file",
    file,
    "",
    "Certificate for /metrics, PEM; without it a self-signed one, a new one at each start. This file and the one below are read again every minute.",
  ),
  metricsKeyFile: option("metrics-key-file", file, "", "Key of the certificate for /metrics, PEM."),
  leaderElect: option(
    "leader-elect",
    boolean,
    "false",
    "Let one of several replicas do the controllers' work; posts are taken by all.",
  ),
  leaderElectNamespace: option(
    "leader-elect-namespace",
    text,
    "",
    "Namespace of the Lease ac8a682b.lagoon.sh; the pod's own without it.",
  ),
  serviceAccountDirectory: option(
    "service-account-directory",
    file,
    "/var/run/secrets/kubernetes.io/serviceaccount",
    "Folder with the ServiceAccount's token and ca.crt, in a pod.",
  ),
  allowRemoteContext: option(
    "allow-remote-context",
    boolean,
    "false",
    "Outside of a pod, work in the kubeconfig's current context even when it does not look like a cluster on this machine.",
  ),
  shutdownDelaySeconds: option(
    "shutdown-delay",
    integer(0, 600),
    "5",
    "In a pod, how long posts are still taken after SIGTERM, in seconds, until everybody knows that this pod ends.",
  ),
  shutdownGraceSeconds: option(
    "shutdown-grace",
    integer(1, 600),
    "20",
    "How long work in hand may take to finish after that, in seconds. Together with the delay it must be less than the pod's terminationGracePeriodSeconds.",
  ),
  local: option(
    "insights-local",
    boolean,
    "false",
    "A run on a developer's machine: a token secret may be short, well-known or left out, and the log says how to reach the program.",
  ),
  zapDevel: option(
    "zap-devel",
    boolean,
    "false",
    "Log for people, and from level debug on, unless the options below say otherwise.",
  ),
  zapEncoder: option(
    "zap-encoder",
    optional(choice("json", "console")),
    "",
    "Form of log lines; json unless zap-devel is on.",
  ),
  zapLevel: option(
    "zap-log-level",
    optional(logLevel),
    "",
    "Lowest level that is logged: debug, info, warn, error, or a number above 0 for debug; info unless zap-devel is on.",
  ),
  zapStacktrace: option(
    "zap-stacktrace-level",
    optional(choice("info", "error", "panic")),
    "",
    "Accepted and without effect: log lines have no stack traces.",
  ),
  zapTime: option(
    "zap-time-encoding",
    optional(choice("epoch", "millis", "nano", "iso8601", "rfc3339", "rfc3339nano")),
    "",
    "Accepted and without effect: times are RFC 3339.",
  ),
} as const;

/** Dependency-Track and the build scanner, which come with a later version. */
export const INTEGRATION_OPTIONS = {
  trackEnabled: option(
    "enable-dependency-track-integration",
    boolean,
    "false",
    "Push SBOMs to Dependency-Track. Not in this version yet.",
  ),
  trackEndpoint: option("dependency-track-api-endpoint", optional(url), "", "Dependency-Track's API."),
  trackKey: option("dependency-track-api-key", text, "", "Key for Dependency-Track's API.", { secret: true }),
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
  scannerEnabled: option(
    "enable-build-scanner",
    boolean,
    "false",
    "Scan images when a build has finished. Not in this version yet.",
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

/** Printing a token instead of serving. */
export const TOKEN_OPTIONS = {
  generateToken: option(
    "generate-token-only",
    boolean,
    "false",
    "Print a token for the environment below, and exit.",
  ),
  generateNamespace: option("generate-token-only-namespace", text, "", "The token's namespace."),
  generateEnvironmentId: option(
    "generate-token-only-environment-id",
    optional(integer(0, Number.MAX_SAFE_INTEGER)),
    "",
    "The token's environment id in Lagoon core.",
  ),
  generateProject: option("generate-token-only-project-name", text, "", "The token's project."),
  generateEnvironment: option("generate-token-only-environment-name", text, "", "The token's environment."),
} as const;
