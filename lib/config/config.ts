/**
 * The configuration of the service: plain data in sections that fit the parts of the program, checked as a whole. Durations
 * are in milliseconds; empty file names stand for none.
 *
 * @module
 */
import { OPTIONS, type Values } from "./options.ts";
import { ConfigError, type ReadVariable } from "./read.ts";

/** Everything that the service is built from. Each part declares what it needs of its section. */
export type Config = ReturnType<typeof assemble>;

/** The Go remote's default, which is public. */
const WELL_KNOWN_SECRET = "testsecret";
const MIN_SECRET_BYTES = 16;
/** Only white space, or one character repeated. */
const TRIVIAL_SECRET = /^(?:\s+|(.)\1*)$/su;

/** How often Dependency-Track is asked whether it has processed an SBOM, which takes seconds to minutes. */
const TRACK_POLL_MS = 2000;

/**
 * Builds the configuration.
 *
 * @throws {ConfigError} Lists the options that do not fit together.
 */
export function buildConfig(values: Values, readVariable: ReadVariable): Config {
  const { web, tokens } = values;
  const problems = [
    ...certificateProblems(values),
    ...dependencyTrackProblems(values.dependencyTrack),
    ...web.enabled || tokens.reconcilerEnabled ? secretProblems(values) : [],
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return assemble(values, readVariable);
}

function assemble(values: Values, readVariable: ReadVariable) {
  const { scanner, metrics, leaderElection, shutdown, kubernetes, log } = values;
  const podName = readVariable("HOSTNAME") || "insights-remote";
  const serviceHost = readVariable("KUBERNETES_SERVICE_HOST") || undefined;
  return {
    configMaps: values.configMaps,
    web: values.web,
    tokens: { ...values.tokens, secret: signingSecret(values) },
    broker: brokerSection(values.broker),
    dependencyTrack: values.dependencyTrack.enabled ? trackSection(values.dependencyTrack) : undefined,
    scanner: scanner.enabled
      ? { image: scanner.image, extraEnv: scanner.extraEnv, dockerHosts: scanner.dockerHosts }
      : undefined,
    health: values.health.address,
    metrics: metrics.address && {
      address: metrics.address,
      tls: metrics.secure
        ? { hostname: podName, certFile: metrics.certFile, keyFile: metrics.keyFile }
        : undefined,
    },
    /** How long posts are still accepted after the signal, and how long work in progress may take after that. */
    shutdown: {
      graceMs: shutdown.graceMs,
      // Outside a pod no Service still routes requests here.
      delayMs: serviceHost === undefined ? 0 : shutdown.delayMs,
    },
    leaderElection: { ...leaderElection, podName },
    kubernetes: {
      serviceHost,
      servicePort: readVariable("KUBERNETES_SERVICE_PORT") || undefined,
      serviceAccountDirectory: kubernetes.serviceAccountDirectory,
      ...kubeconfigFiles(values, readVariable),
      // In a pod the operator chose the kubeconfig for it.
      allowRemoteContext: kubernetes.allowRemoteContext || serviceHost !== undefined && !kubernetes.local,
    },
    log: {
      level: log.level ?? (log.devel ? "debug" : "info"),
      encoder: log.encoder ?? (log.devel ? "console" : "json"),
    },
  };
}

function brokerSection(
  { address, tls, verify, serverName, caFile, certFile, keyFile, ...broker }: Values["broker"],
) {
  return {
    ...broker,
    host: address.hostname,
    port: address.port ?? (tls ? 5671 : 5672),
    tls: tls ? { verify, serverName, caFile, certFile, keyFile } : undefined,
  };
}

function trackSection(
  {
    enabled: _,
    endpoint,
    key,
    caFile,
    allowedHosts,
    allowHttp,
    root,
    parent,
    project,
    version,
    ...dependencyTrack
  }: Values["dependencyTrack"],
) {
  return {
    ...dependencyTrack,
    server: endpoint === undefined ? undefined : { endpoint, key, caFile },
    custom: { allowedHosts, allowHttp },
    templates: { root, parent, project, version },
    pollMs: TRACK_POLL_MS,
  };
}

/** The kubeconfig's files, in the order of controller-runtime: the flag, `KUBECONFIG`, the home directory. */
function kubeconfigFiles({ kubernetes }: Values, readVariable: ReadVariable) {
  const variable = (readVariable("KUBECONFIG") ?? "").split(":").filter((path) => path !== "");
  const given = kubernetes.kubeconfig === "" ? variable : [kubernetes.kubeconfig];
  const home = readVariable("HOME");
  return {
    kubeconfigPaths: given.length > 0 || !home ? given : [`${home}/.kube/config`],
    /** Whether the operator names a kubeconfig, which then counts in a pod, too. */
    hasKubeconfig: given.length > 0,
  };
}

/** The secret that signs tokens. A local run may have none of its own. */
export function signingSecret({ tokens, kubernetes }: Values): string {
  return tokens.secret === "" && kubernetes.local ? WELL_KNOWN_SECRET : tokens.secret;
}

/** What is wrong with the secrets, without the secrets. A local run may have weak ones. */
export function secretProblems({ tokens, kubernetes }: Values): string[] {
  if (kubernetes.local) return [];
  const { secret, previousSecret } = OPTIONS.tokens;
  const secrets = [
    [secret.env, tokens.secret],
    ...tokens.previousSecret === "" ? [] : [[previousSecret.env, tokens.previousSecret]],
  ] as const;
  return secrets.flatMap(([env, text]) => {
    const expected = missingStrength(text);
    return expected ? [`${env}: expected ${expected} (on your own machine: INSIGHTS_LOCAL=true)`] : [];
  });
}

function missingStrength(secret: string): string | undefined {
  if (secret === "") return "a secret that signs tokens";
  if (secret === WELL_KNOWN_SECRET) return "a secret that is not public";
  if (new TextEncoder().encode(secret).length < MIN_SECRET_BYTES) return `at least ${MIN_SECRET_BYTES} bytes`;
  return TRIVIAL_SECRET.test(secret) ? "more than white space or one repeated character" : undefined;
}

function certificateProblems(values: Values): string[] {
  return (["broker", "metrics"] as const).flatMap((section) => {
    const { certFile, keyFile } = OPTIONS[section];
    if ((values[section].certFile === "") === (values[section].keyFile === "")) return [];
    return [`${certFile.env}, ${keyFile.env}: expected both a certificate and its key, or neither`];
  });
}

function dependencyTrackProblems(dependencyTrack: Values["dependencyTrack"]): string[] {
  if (!dependencyTrack.enabled) return [];
  const { endpoint, key, caFile, allowedHosts } = OPTIONS.dependencyTrack;
  if ((dependencyTrack.endpoint === undefined) !== (dependencyTrack.key === "")) {
    return [`${endpoint.env}, ${key.env}: expected both an address and its key, or neither`];
  }
  if (!/^[\x21-\x7e]*$/.test(dependencyTrack.key)) {
    return [`${key.env}: expected ASCII letters, digits and punctuation`];
  }
  // Ignoring it would leave an operator with less verification than they asked for.
  if (dependencyTrack.caFile !== "" && !dependencyTrack.endpoint?.startsWith("https:")) {
    return [`${caFile.env}: expected only where ${endpoint.env} begins with https://`];
  }
  if (dependencyTrack.endpoint !== undefined || dependencyTrack.allowedHosts.length > 0) return [];
  return [
    `${endpoint.env}, ${allowedHosts.env}: expected at least one; otherwise there is no server to push to`,
  ];
}
