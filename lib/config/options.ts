/**
 * Every option of the program, once. Parsing, the help text, docs/configuration.md and the configuration are made from
 * this table (docs/protocol.md, "Configuration"). A new option is a new row.
 *
 * @module
 */
import { PROCESS_OPTIONS } from "./options_process.ts";
import {
  assignments,
  boolean,
  file,
  hostPort,
  hostPorts,
  integer,
  labelKey,
  type Option,
  option,
  optional,
  port,
  seconds,
  template,
  text,
  url,
} from "./values.ts";

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
      help:
        "Limit on ConfigMap payloads in memory, in bytes. At most this many divided by 1400000, the largest ConfigMap, are sent at the same time.",
    }),
    coreOptIn: option("core-insights-opt-in", boolean, "false", {
      help:
        'Send only ConfigMaps annotated core.insights.lagoon.sh/enabled="true". By default a ConfigMap without that annotation is sent, too.',
    }),
  },
  web: {
    enabled: option("enable-webservice", boolean, "true", { help: "Accept facts and problems over HTTP." }),
    port: option("webservice-port", port, "8888", { help: "Port for facts and problems." }),
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
      help:
        "Maximum number of requests served at the same time; more get 429. With n active environments, each may use at most 1/(n+1) of them.",
    }),
    maxLargeBodies: option("webservice-max-large-bodies", integer(1, 100), "1", {
      help:
        "How many environments may upload a body above 64 KiB at once, one each; each upload uses tens of megabytes until it is confirmed. Others wait.",
    }),
    largeBodyWaitMs: option("webservice-large-body-wait", seconds(1, 60), "5", {
      help: "How long a body above 64 KiB waits for its upload to start, in seconds, before it gets 429.",
    }),
    maxConnections: option("webservice-max-connections", integer(16, 100_000), "512", {
      help:
        "Maximum number of open connections. A further one closes the connection that has gone longest without a complete request.",
    }),
    headerTimeoutMs: option("webservice-header-timeout", seconds(1, 60), "5", {
      help:
        "Timeout for request headers, for idle connections and for a client to read an answer, in seconds.",
    }),
    requestTimeoutMs: option("webservice-request-timeout", seconds(1, 300), "10", {
      help: "Timeout for receiving a whole request, in seconds.",
    }),
  },
  tokens: {
    reconcilerEnabled: option("enable-namespace-reconciler", boolean, "true", {
      help: "Maintain a Secret with a token in the namespace of each Lagoon environment.",
    }),
    secret: option("insights-token-secret", text, "", {
      secret: true,
      help:
        "Secret that signs and verifies tokens, at least 16 bytes. Required to accept posts and to issue tokens.",
    }),
    previousSecret: option("insights-token-previous-secret", text, "", {
      secret: true,
      help: "Previous signing secret. Its tokens stay valid until all environments have new ones.",
    }),
    targetLabel: option("token-target-label", optional(labelKey), "", {
      help: "Issue tokens only to namespaces with this label.",
    }),
  },
  broker: {
    enabled: option("rabbitmq-enabled", boolean, "true", {
      help: "Send messages to RabbitMQ; false prints them to standard output, one JSON document per line.",
    }),
    username: option("rabbitmq-username", text, "guest", { help: "RabbitMQ user." }),
    password: option("rabbitmq-password", text, "guest", { secret: true, help: "RabbitMQ password." }),
    address: option("rabbitmq-hostname", hostPort, "localhost", {
      env: "RABBITMQ_ADDRESS",
      help: "Host of RabbitMQ, optionally with a port. The default port is 5672, or 5671 with TLS.",
    }),
    tls: option("rabbitmq-tls", boolean, "false", { help: "Connect with TLS." }),
    verify: option("rabbitmq-verify", boolean, "true", {
      help:
        "Verify the broker's certificate. With false, an impostor at the broker's address gets user, password and messages. (The Go remote always verifies, whatever this says.)",
    }),
    serverName: option("rabbitmq-server-name", text, "", {
      help: "Name that the broker's certificate must have, if it is not the host in RABBITMQ_ADDRESS.",
    }),
    caFile: option("rabbitmq-cacert", file, "", {
      help:
        "CA certificates that verify the broker, PEM. Default: the public CAs. This file and the next two are read for each connection.",
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
    endpoint: option("dependency-track-api-endpoint", optional(url), "", {
      help: "URL of the Dependency-Track API server. If empty, only servers that sites choose are used.",
    }),
    key: option("dependency-track-api-key", text, "", { secret: true, help: "Dependency-Track API key." }),
    caFile: option("dependency-track-cacert", file, "", {
      help:
        "CA certificates that verify this server, PEM, read for each connection. Default: the public CAs, which always verify the servers that sites choose.",
    }),
    root: option("dependency-track-root-project-name-template", template, "{{ .ProjectName }}", {
      help: "Name of the root project; empty omits it.",
    }),
    parent: option(
      "dependency-track-parent-project-name-template",
      template,
      "{{ .ProjectName }}-{{ .EnvironmentName }}",
      { help: "Name of the parent project; empty omits root and parent." },
    ),
    project: option(
      "dependency-track-project-name-template",
      template,
      "{{ .ProjectName }}-{{ .EnvironmentName }}-{{ .ServiceName }}",
      { help: "Name of the project that receives the SBOM." },
    ),
    version: option("dependency-track-version-template", template, "unset", {
      help: "Version of the project that receives the SBOM.",
    }),
    prodOnly: option("dependency-track-push-prod-only", boolean, "true", {
      help: "Push only SBOMs of production environments.",
    }),
    allowedHosts: option("dependency-track-allowed-hosts", hostPorts, "", {
      help:
        "Hosts that sites may choose as their Dependency-Track, separated by commas; the default port is 443. If empty, SBOMs for a site's own server are refused.",
    }),
    allowHttp: option("dependency-track-allow-http", boolean, "false", {
      help: "Allow http:// for servers that sites choose. Keys and SBOMs are then sent unencrypted.",
    }),
    maxConcurrent: option("dependency-track-max-concurrent", integer(1, 100), "2", {
      help: "Number of simultaneous uploads, each to the server above and to all servers that sites choose.",
    }),
    maxSbomBytes: option("dependency-track-max-sbom-bytes", integer(1, 1024 * MIB), "134217728", {
      help: "Maximum size of an uncompressed SBOM, in bytes; a larger one is refused.",
    }),
    requestTimeoutMs: option("dependency-track-request-timeout", seconds(1, 600), "60", {
      help: "Timeout for a request to Dependency-Track, including uploads, in seconds.",
    }),
    processingTimeoutMs: option("dependency-track-processing-timeout", seconds(1, 3600), "300", {
      help: "How long Dependency-Track may take to process an SBOM, in seconds.",
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
    extraEnv: option("build-scanner-extra-env", assignments, "", {
      env: "BUILD_SCANNER_EXTRA_ENV_VARS",
      secret: true,
      help: "Additional environment variables for the scanner. Repeat the flag, or separate by commas.",
    }),
  },
  ...PROCESS_OPTIONS,
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
