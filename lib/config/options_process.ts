/**
 * The part of the table of options that concerns the process: endpoints for the platform, shutdown, logging, and printing a
 * token.
 *
 * @module
 */
import {
  bindAddress,
  boolean,
  choice,
  file,
  integer,
  logLevel,
  option,
  optional,
  seconds,
  text,
} from "./values.ts";

/** Options of the process, in the sections of the configuration. */
export const PROCESS_OPTIONS = {
  health: {
    address: option("health-probe-bind-address", bindAddress, ":8081", {
      help: "Address of /healthz and /readyz; 0 for none.",
    }),
  },
  metrics: {
    address: option("metrics-bind-address", bindAddress, "0", { help: "Address of /metrics; 0 for none." }),
    secure: option("metrics-secure", boolean, "true", {
      help:
        "Serve metrics over HTTPS, to callers that Kubernetes allows to get the nonResourceURL /metrics. With false, anyone who can reach the port can read them.",
    }),
    certFile: option("metrics-cert-file", file, "", {
      help:
        "Certificate for /metrics, PEM. Default: a self-signed certificate, created at each start. This file and the next are read again every minute.",
    }),
    keyFile: option("metrics-key-file", file, "", { help: "Key of that certificate, PEM." }),
  },
  leaderElection: {
    enabled: option("leader-elect", boolean, "false", {
      help: "Let only one of several replicas run the controllers. All replicas accept posts.",
    }),
    namespace: option("leader-elect-namespace", text, "", {
      help: "Namespace of the Lease ac8a682b.lagoon.sh. Default: the pod's namespace.",
    }),
  },
  kubernetes: {
    serviceAccountDirectory: option(
      "service-account-directory",
      file,
      "/var/run/secrets/kubernetes.io/serviceaccount",
      { help: "In a pod: folder with the ServiceAccount's token and ca.crt." },
    ),
    allowRemoteContext: option("allow-remote-context", boolean, "false", {
      help: "Outside a pod: use the kubeconfig's current context even if the cluster is not local.",
    }),
    local: option("insights-local", boolean, "false", {
      help:
        "Run on a developer's machine: the token secret may be short, well-known or missing, and the log shows how to reach the program.",
    }),
  },
  shutdown: {
    delayMs: option("shutdown-delay", seconds(0, 600), "5", {
      help:
        "In a pod: how long posts are still accepted after SIGTERM, in seconds, while Kubernetes redirects traffic to other pods.",
    }),
    graceMs: option("shutdown-grace", seconds(1, 600), "20", {
      help:
        "How long work in progress may take after that, in seconds. Delay and grace together must be less than the pod's terminationGracePeriodSeconds.",
    }),
  },
  log: {
    devel: option("zap-devel", boolean, "false", {
      help: "Log readable text from level debug, unless the next two options say otherwise.",
    }),
    encoder: option("zap-encoder", optional(choice("json", "console")), "", {
      help: "Format of log lines. Default: json, or console with zap-devel.",
    }),
    level: option("zap-log-level", optional(logLevel), "", {
      help:
        "Lowest level to log: debug, info, warn, error, or a number above 0 for debug. Default: info, or debug with zap-devel.",
    }),
  },
  generateToken: {
    enabled: option("generate-token-only", boolean, "false", {
      help: "Print a token for the environment below, and exit.",
    }),
    namespace: option("generate-token-only-namespace", text, "", { help: "Namespace of the environment." }),
    environmentId: option(
      "generate-token-only-environment-id",
      optional(integer(0, Number.MAX_SAFE_INTEGER)),
      "",
      { help: "Id of the environment in Lagoon core." },
    ),
    project: option("generate-token-only-project-name", text, "", { help: "Name of the project." }),
    environment: option("generate-token-only-environment-name", text, "", {
      help: "Name of the environment.",
    }),
  },
  /** Flags of the Go remote that do nothing here; any value will do. */
  ignored: {
    clearSchedule: option("clear-configmap-sched", text, "* * * * *", {
      help: "Deferred ConfigMaps are retried exactly when they are due; there is no schedule.",
    }),
    stacktraceLevel: option("zap-stacktrace-level", text, "", { help: "Log lines have no stack traces." }),
    timeEncoding: option("zap-time-encoding", text, "", { help: "Times in log lines are RFC 3339." }),
  },
};
