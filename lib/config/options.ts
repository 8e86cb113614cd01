/**
 * Every option of the program, once. Parsing, the help text, docs/configuration.md and the configuration are made from
 * this table (docs/protocol.md, "Configuration"). A new option is a new row.
 *
 * @module
 */
import * as kinds from "./values.ts";
import { boolean, file, integer, type Option, option, optional, seconds, text } from "./values.ts";

const MIB = 1024 * 1024;

/** All options, in the sections of the configuration. */
export const OPTIONS = {
  configMaps: {
    enabled: option("enable-configmap-reconciler", boolean, "true", {
      help: "Send insights ConfigMaps to Lagoon core.",
    }),
    burnAfterReading: option("burn-after-reading", boolean, "false", {
      help: "Delete a ConfigMap once it is processed.",
    }),
    deferredEnabled: option("enable-insights-deferred", boolean, "true", {
      help: "Retry deferred ConfigMaps when they are due. (Go remote: false, which never retries them.)",
    }),
    maxRetries: option("configmap-reconciler-max-retries", integer(0, 1000), "0", {
      help: "Give up on a ConfigMap after this many failed attempts; 0 never gives up. (Go remote: 3.)",
    }),
    retryDelayMs: option("configmap-reconciler-mins-between-retries", integer(1, 24 * 60, 60_000), "5", {
      help: "Minutes until a ConfigMap that could not be sent is retried. (Go remote: 3.)",
    }),
    maxConcurrent: option("configmap-reconciler-max-concurrent", integer(1, 64), "1", {
      help: "Number of ConfigMaps sent at the same time.",
    }),
    maxBytesInFlight: option("configmap-reconciler-max-bytes", integer(1_500_000, 1_000_000_000), "6000000", {
      help: "Limit on ConfigMaps in memory, in bytes. Each counts as 1400000, the largest that there can be.",
    }),
    coreOptIn: option("core-insights-opt-in", boolean, "false", {
      help: 'Send only ConfigMaps annotated core.insights.lagoon.sh/enabled="true", not those without it.',
    }),
  },
  web: {
    enabled: option("enable-webservice", boolean, "true", { help: "Accept facts and problems over HTTP." }),
    port: option("webservice-port", kinds.port, "8888", { help: "Port for facts and problems." }),
    maxBodyBytes: option("webservice-max-body-bytes", integer(1024, 16 * MIB), "10485760", {
      help: "Maximum size of a request body, in bytes.",
    }),
    maxItems: option("webservice-max-items", integer(1, 1_000_000), "10000", {
      help: "Maximum number of facts or problems in a request; more get 413.",
    }),
    maxItemBytes: option("webservice-max-item-bytes", integer(1024, 16 * MIB), "1048576", {
      help: "Maximum size of one fact or problem, in bytes; a larger one gets 413.",
    }),
    maxJsonDepth: option("webservice-max-json-depth", integer(3, 10_000), "32", {
      help: "Maximum nesting of arrays and objects in a body; deeper ones get 400.",
    }),
    maxInFlight: option("webservice-max-in-flight", integer(2, 10_000), "256", {
      help: "Maximum number of simultaneous requests; more get 429. With n environments, each gets 1/(n+1).",
    }),
    maxLargeBodies: option("webservice-max-large-bodies", integer(1, 100), "1", {
      help: "Environments that may upload a body above 64 KiB at once, one each; each takes tens of MB.",
    }),
    largeBodyWaitMs: option("webservice-large-body-wait", seconds(1, 60), "5", {
      help: "How long a body above 64 KiB waits for its turn, in seconds, before it gets 429.",
    }),
    maxConnections: option("webservice-max-connections", integer(16, 100_000), "512", {
      help: "Connection limit; a further one closes the one that is longest without a complete request.",
    }),
    headerTimeoutMs: option("webservice-header-timeout", seconds(1, 60), "5", {
      help: "Timeout for request headers, idle connections and clients that read an answer, in seconds.",
    }),
    requestTimeoutMs: option("webservice-request-timeout", seconds(1, 300), "10", {
      help: "Timeout for receiving a whole request, in seconds.",
    }),
  },
  tokens: {
    reconcilerEnabled: option("enable-namespace-reconciler", boolean, "true", {
      help: "Maintain a Secret with a token in the namespace of each Lagoon environment.",
    }),
    secret: option("insights-token-secret", kinds.secret, "", {
      help: "Secret that signs tokens, at least 16 bytes. Required to accept posts and to issue tokens.",
    }),
    previousSecret: option("insights-token-previous-secret", kinds.secret, "", {
      help: "Previous signing secret. Its tokens stay valid until all environments have new ones.",
    }),
    targetLabel: option("token-target-label", optional(kinds.labelKey), "", {
      help: "Issue tokens only to namespaces with this label.",
    }),
  },
  broker: {
    enabled: option("rabbitmq-enabled", boolean, "true", {
      help: "Send messages to RabbitMQ; false prints them to standard output, one JSON document per line.",
    }),
    username: option("rabbitmq-username", text, "guest", { help: "RabbitMQ user." }),
    password: option("rabbitmq-password", kinds.secret, "guest", { help: "RabbitMQ password." }),
    address: option("rabbitmq-hostname", kinds.hostPort, "localhost", {
      env: "RABBITMQ_ADDRESS",
      help: "Host of RabbitMQ, optionally with a port. The default port is 5672, or 5671 with TLS.",
    }),
    tls: option("rabbitmq-tls", boolean, "false", { help: "Connect with TLS." }),
    verify: option("rabbitmq-verify", boolean, "true", {
      help: "Verify the broker's certificate. With false, an impostor gets user, password and messages.",
    }),
    serverName: option("rabbitmq-server-name", text, "", {
      help: "Name that the broker's certificate must have, if it is not the host in RABBITMQ_ADDRESS.",
    }),
    caFile: option("rabbitmq-cacert", file, "", {
      help: "CAs that verify the broker, PEM; the public ones by default. Read for each connection.",
    }),
    certFile: option("rabbitmq-clientcert", file, "", { help: "Client certificate for the broker, PEM." }),
    keyFile: option("rabbitmq-clientkey", file, "", { help: "Key of the client certificate, PEM." }),
    reconnectCapMs: option("rabbitmq-reconnect-retry-interval", seconds(1, 3600), "30", {
      help: "Longest wait between two connection attempts, in seconds; the first attempts follow sooner.",
    }),
    confirmTimeoutMs: option("rabbitmq-confirm-timeout", seconds(1, 600), "10", {
      help: "Timeout for the broker's confirm of a message, in seconds.",
    }),
  },
  dependencyTrack: {
    enabled: option("enable-dependency-track-integration", boolean, "false", {
      help: "Also push SBOMs to Dependency-Track: to the server below, and to servers that sites choose.",
    }),
    endpoint: option("dependency-track-api-endpoint", optional(kinds.url), "", {
      help: "URL of the Dependency-Track API server. If empty, only servers that sites choose are used.",
    }),
    key: option("dependency-track-api-key", kinds.secret, "", { help: "Dependency-Track API key." }),
    caFile: option("dependency-track-cacert", file, "", {
      help: "CAs that verify this server, PEM; the public ones by default. Read for each connection.",
    }),
    root: option("dependency-track-root-project-name-template", kinds.template, "{{ .ProjectName }}", {
      help: "Name of the root project; empty omits it.",
    }),
    parent: option(
      "dependency-track-parent-project-name-template",
      kinds.template,
      "{{ .ProjectName }}-{{ .EnvironmentName }}",
      { help: "Name of the parent project; empty omits root and parent." },
    ),
    project: option(
      "dependency-track-project-name-template",
      kinds.template,
      "{{ .ProjectName }}-{{ .EnvironmentName }}-{{ .ServiceName }}",
      { help: "Name of the project that receives the SBOM." },
    ),
    version: option("dependency-track-version-template", kinds.template, "unset", {
      help: "Version of the project that receives the SBOM.",
    }),
    prodOnly: option("dependency-track-push-prod-only", boolean, "true", {
      help: "Push only SBOMs of production environments.",
    }),
    allowedHosts: option("dependency-track-allowed-hosts", kinds.hostPorts, "", {
      help: "Hosts that sites may choose, separated by commas; port 443 by default. If empty, none.",
    }),
    allowHttp: option("dependency-track-allow-http", boolean, "false", {
      help: "Allow http:// for servers that sites choose. Keys and SBOMs are then sent unencrypted.",
    }),
    maxConcurrent: option("dependency-track-max-concurrent", integer(1, 100), "2", {
      help: "Number of simultaneous uploads to the server above, and as many to the sites' servers.",
    }),
    maxSbomBytes: option("dependency-track-max-sbom-bytes", integer(1, 1024 * MIB), "134217728", {
      help: "Maximum size of an uncompressed SBOM, in bytes; a larger one is refused.",
    }),
    requestTimeoutMs: option("dependency-track-request-timeout", seconds(1, 600), "60", {
      help: "Timeout for a request to Dependency-Track, including uploads, in seconds.",
    }),
    processingTimeoutMs: option("dependency-track-processing-timeout", seconds(1, 3600), "300", {
      help: "How long Dependency-Track may take to receive and process an SBOM, in seconds.",
    }),
  },
  scanner: {
    enabled: option("enable-build-scanner", boolean, "false", {
      env: "ENABLE_BUILD_SCANNING",
      help: "Scan the images of an environment after each build.",
    }),
    image: option("build-scanner-image", text, "uselagoon/insights-scanner:latest", {
      help: "Image of the scanner.",
    }),
    extraEnv: option("build-scanner-extra-env", kinds.assignments, "", {
      env: "BUILD_SCANNER_EXTRA_ENV_VARS",
      help: "Additional environment variables for the scanner. Repeat the flag, or separate by commas.",
    }),
    dockerHosts: option("build-scanner-docker-hosts", kinds.hostNames, "docker-host.lagoon.svc", {
      help: "Docker hosts that a build's annotation may name. The first one serves builds that name another.",
    }),
  },
  health: {
    address: option("health-probe-bind-address", kinds.bindAddress, ":8081", {
      help: "Address of /healthz and /readyz; 0 for none.",
    }),
  },
  metrics: {
    address: option("metrics-bind-address", kinds.bindAddress, "0", {
      help: "Address of /metrics; 0 for none.",
    }),
    secure: option("metrics-secure", boolean, "true", {
      help: "HTTPS for callers that may get the nonResourceURL /metrics. With false, HTTP for anyone.",
    }),
    certFile: option("metrics-cert-file", file, "", {
      help: "Certificate for /metrics, PEM, reread every minute. By default, a self-signed one.",
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
    kubeconfig: option("kubeconfig", file, "", {
      env: "INSIGHTS_KUBECONFIG",
      help: "Kubeconfig to use instead of KUBECONFIG and, in a pod, of the ServiceAccount.",
    }),
    allowRemoteContext: option("allow-remote-context", boolean, "false", {
      help: "Outside a pod: use the kubeconfig's current context even if the cluster is not local.",
    }),
    local: option("insights-local", boolean, "false", {
      help: "For a developer's machine: the token secret may be short, well-known or missing.",
    }),
  },
  shutdown: {
    delayMs: option("shutdown-delay", seconds(0, 600), "5", {
      help: "In a pod: how long posts are still accepted after SIGTERM, in seconds.",
    }),
    graceMs: option("shutdown-grace", seconds(1, 600), "20", {
      help: "How long work may take after that, in seconds. Both must fit terminationGracePeriodSeconds.",
    }),
  },
  log: {
    devel: option("zap-devel", boolean, "false", {
      help: "Log readable text from level debug, unless the next two options say otherwise.",
    }),
    encoder: option("zap-encoder", optional(kinds.choice("json", "console")), "", {
      help: "Format of log lines. Default: json, or console with zap-devel.",
    }),
    level: option("zap-log-level", optional(kinds.logLevel), "", {
      help:
        "debug, info, warn, error, panic (as error), or a number above 0 for debug. Default: info; debug with zap-devel.",
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
    environment: option("generate-token-only-environment-name", text, "", { help: "Environment name." }),
  },
  /** Flags of the Go remote that do nothing here; any value will do. */
  ignored: {
    clearSchedule: option("clear-configmap-sched", text, "* * * * *", {
      help: "Deferred ConfigMaps are retried exactly when they are due; there is no schedule.",
    }),
    // A boolean's syntax: the flag may have no value.
    enableHttp2: option("enable-http2", { ...text, placeholder: "" }, "", {
      help: "Servers speak HTTP/1.1 only.",
    }),
    stacktraceLevel: option("zap-stacktrace-level", text, "", { help: "Log lines have no stack traces." }),
    timeEncoding: option("zap-time-encoding", text, "", { help: "Times in log lines are RFC 3339." }),
  },
};

/** The value of each option. */
export type Values = {
  readonly [S in keyof typeof OPTIONS]: {
    readonly [Name in keyof (typeof OPTIONS)[S]]: (typeof OPTIONS)[S][Name] extends Option<infer T> ? T
      : never;
  };
};

/** All options in one list. */
export const ALL_OPTIONS: readonly Option<unknown>[] = Object.values(OPTIONS).flatMap((section) =>
  Object.values(section)
);
