/**
 * The options of the process, and of printing a token.
 *
 * @module
 */
import { option, optional } from "./option.ts";
import { bindAddress, boolean, choice, file, integer, logLevel, text } from "./values.ts";

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
