/**
 * The validated configuration: plain, frozen data in sections that fit the parts of the program, and that can be
 * handed to a Worker as it is.
 *
 * @module
 */
import { LARGEST_PART } from "../fair_share.ts";
import { type TrackConfig, trackProblems, trackSection } from "./dependency_track.ts";
import { ConfigError } from "./errors.ts";
import { OPTIONS, type Values } from "./options.ts";
import type { ReadVariable } from "./read.ts";
import { secretProblems, signingSecret } from "./secrets.ts";
import type { HostPort } from "./values.ts";

/** Everything that the service is built from. Durations are in milliseconds. */
export interface Config {
  /** Shipping of insights ConfigMaps. */
  readonly configMaps: {
    readonly enabled: boolean;
    readonly burnAfterReading: boolean;
    readonly deferredEnabled: boolean;
    readonly maxRetries: number;
    readonly retryDelayMs: number;
    readonly maxConcurrent: number;
    readonly coreOptIn: boolean;
    readonly maxBytesInFlight: number;
  };
  /** Dependency-Track; undefined for none. */
  readonly dependencyTrack: TrackConfig | undefined;
  /** Scanning of images after builds; undefined for none. */
  readonly scanner:
    | { readonly image: string; readonly extraEnv: Readonly<Record<string, string>> }
    | undefined;
  /** Posts. */
  readonly web: {
    readonly enabled: boolean;
    readonly port: number;
    readonly maxBodyBytes: number;
    readonly maxItems: number;
    readonly maxItemBytes: number;
    readonly maxJsonDepth: number;
    readonly maxInFlight: number;
    readonly maxBufferedBytes: number;
    readonly maxLargeBodies: number;
    readonly largeBodyWaitMs: number;
    readonly maxConnections: number;
    readonly headerTimeoutMs: number;
    readonly requestTimeoutMs: number;
  };
  /** Tokens; `previousSecret` is empty when there is none. */
  readonly tokens: {
    readonly reconcilerEnabled: boolean;
    readonly secret: string;
    readonly previousSecret: string;
    readonly targetLabel: string | undefined;
  };
  /**
   * RabbitMQ; when it is not enabled, messages are printed. Empty names of files, and an empty server name, stand for
   * none.
   */
  readonly broker: {
    readonly enabled: boolean;
    readonly host: string;
    readonly port: number;
    readonly username: string;
    readonly password: string;
    readonly tls:
      | {
        readonly verify: boolean;
        readonly serverName: string;
        readonly caFile: string;
        readonly certFile: string;
        readonly keyFile: string;
      }
      | undefined;
    readonly reconnectCapMs: number;
    readonly confirmTimeoutMs: number;
  };
  /** Where /healthz and /readyz are; undefined for nowhere. */
  readonly health: HostPort | undefined;
  /**
   * Where /metrics is; undefined for nowhere. With `tls` over HTTPS, for callers that Kubernetes allows; empty names of
   * files stand for a self-signed certificate, for the host name.
   */
  readonly metrics:
    | {
      readonly address: HostPort;
      readonly tls:
        | { readonly hostname: string; readonly certFile: string; readonly keyFile: string }
        | undefined;
    }
    | undefined;
  /** How long posts are still taken after a stop was asked for, and how long work in hand may take after that. */
  readonly shutdown: { readonly delayMs: number; readonly graceMs: number };
  /** Whether one of several replicas does the controllers' work; the Lease's namespace is empty for the pod's own. */
  readonly leaderElection: {
    readonly enabled: boolean;
    readonly namespace: string;
    readonly podName: string;
  };
  /** Whether this is a run on a developer's machine, who is told how to reach it. */
  readonly local: boolean;
  /**
   * How to find the API server: in a pod by service host and port, elsewhere by kubeconfigs, whose current context must
   * look local unless a remote one is allowed.
   */
  readonly kubernetes: {
    readonly serviceHost: string | undefined;
    readonly servicePort: string | undefined;
    readonly serviceAccountDirectory: string;
    readonly kubeconfigPaths: readonly string[];
    readonly allowRemoteContext: boolean;
  };
  /** Log lines. */
  readonly log: {
    readonly level: "debug" | "info" | "warn" | "error";
    readonly encoder: "json" | "console";
  };
}

/**
 * Variables that the program reads besides its options: where the API server is, in a pod and elsewhere.
 */
export const PLATFORM_VARIABLES: readonly string[] = [
  "KUBERNETES_SERVICE_HOST",
  "KUBERNETES_SERVICE_PORT",
  "KUBECONFIG",
  "HOME",
  "HOSTNAME",
];

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Options that name a certificate, each with its key's. */
const CERTIFICATE_OPTIONS = [
  ["brokerCertFile", "brokerKeyFile"],
  ["metricsCertFile", "metricsKeyFile"],
] as const;

/**
 * Builds the configuration of the service.
 *
 * @throws {ConfigError} When values don't fit together.
 */
export function buildConfig(values: Values, readVariable: ReadVariable): Config {
  const problems: string[] = [];
  for (const [certFile, keyFile] of CERTIFICATE_OPTIONS) {
    if ((values[certFile] === "") === (values[keyFile] === "")) continue;
    const names = `${OPTIONS[certFile].env}, ${OPTIONS[keyFile].env}`;
    problems.push(`${names}: expected both a certificate and its key, or neither`);
  }
  if (values.maxBufferedBytes * LARGEST_PART < values.maxBodyBytes) {
    const { maxBufferedBytes, maxBodyBytes } = OPTIONS;
    problems.push(
      `${maxBufferedBytes.env}: expected at least ${1 / LARGEST_PART} times ${maxBodyBytes.env}`,
    );
  }
  problems.push(...trackProblems(values));
  if (values.webEnabled || values.tokensEnabled) problems.push(...secretProblems(values));
  if (problems.length > 0) throw new ConfigError(problems);
  return deepFreeze(assemble(values, readVariable));
}

/**
 * What the start-up log tells of the options: those that differ from their defaults, without secrets.
 */
export function describeValues(values: Values): Record<string, unknown> {
  const told: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(OPTIONS)) {
    const value = values[name as keyof Values];
    const isDefault = JSON.stringify(value) === JSON.stringify(option.kind.parse(option.defaultText));
    if (!isDefault) told[option.env] = option.secret ? "(secret)" : value;
  }
  return told;
}

function assemble(values: Values, readVariable: ReadVariable): Config {
  const podName = readVariable("HOSTNAME") || "insights-remote";
  return {
    configMaps: {
      enabled: values.configMapsEnabled,
      burnAfterReading: values.burnAfterReading,
      deferredEnabled: values.deferredEnabled,
      maxRetries: values.maxRetries,
      retryDelayMs: values.retryMinutes * MINUTE,
      maxConcurrent: values.maxConcurrent,
      coreOptIn: values.coreOptIn,
      maxBytesInFlight: values.maxBytesInFlight,
    },
    dependencyTrack: trackSection(values),
    scanner: values.scannerEnabled
      ? { image: values.scannerImage, extraEnv: assigned(values.scannerEnv) }
      : undefined,
    web: {
      enabled: values.webEnabled,
      port: values.webPort,
      maxBodyBytes: values.maxBodyBytes,
      maxItems: values.maxItems,
      maxItemBytes: values.maxItemBytes,
      maxJsonDepth: values.maxJsonDepth,
      maxInFlight: values.maxInFlight,
      maxBufferedBytes: values.maxBufferedBytes,
      maxLargeBodies: values.maxLargeBodies,
      largeBodyWaitMs: values.largeBodySeconds * SECOND,
      maxConnections: values.maxConnections,
      headerTimeoutMs: values.headerSeconds * SECOND,
      requestTimeoutMs: values.requestSeconds * SECOND,
    },
    tokens: {
      reconcilerEnabled: values.tokensEnabled,
      secret: signingSecret(values),
      previousSecret: values.previousSecret,
      targetLabel: values.targetLabel,
    },
    broker: brokerSection(values),
    health: values.healthAddress,
    metrics: metricsSection(values, podName),
    shutdown: {
      // Only a Service goes on sending requests to a program that has said that it ends.
      delayMs: readVariable("KUBERNETES_SERVICE_HOST") ? values.shutdownDelaySeconds * SECOND : 0,
      graceMs: values.shutdownGraceSeconds * SECOND,
    },
    leaderElection: {
      enabled: values.leaderElect,
      namespace: values.leaderElectNamespace,
      podName,
    },
    kubernetes: {
      serviceHost: readVariable("KUBERNETES_SERVICE_HOST") || undefined,
      servicePort: readVariable("KUBERNETES_SERVICE_PORT") || undefined,
      serviceAccountDirectory: values.serviceAccountDirectory,
      kubeconfigPaths: kubeconfigPaths(readVariable),
      allowRemoteContext: values.allowRemoteContext,
    },
    local: values.local,
    log: {
      level: values.zapLevel ?? (values.zapDevel ? "debug" : "info"),
      encoder: values.zapEncoder ?? (values.zapDevel ? "console" : "json"),
    },
  };
}

function brokerSection(values: Values): Config["broker"] {
  return {
    enabled: values.brokerEnabled,
    host: values.brokerAddress.hostname,
    port: values.brokerAddress.port ?? (values.brokerTls ? 5671 : 5672),
    username: values.brokerUsername,
    password: values.brokerPassword,
    tls: values.brokerTls
      ? {
        verify: values.brokerVerify,
        serverName: values.brokerServerName,
        caFile: values.brokerCaFile,
        certFile: values.brokerCertFile,
        keyFile: values.brokerKeyFile,
      }
      : undefined,
    reconnectCapMs: values.reconnectSeconds * SECOND,
    confirmTimeoutMs: values.confirmSeconds * SECOND,
  };
}

/** Variables by name; the last of several counts. */
function assigned(assignments: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(assignments.map((text) => {
    const sign = text.indexOf("=");
    return [text.slice(0, sign), text.slice(sign + 1)];
  }));
}

function metricsSection(values: Values, hostname: string): Config["metrics"] {
  const { metricsAddress: address, metricsSecure, metricsCertFile, metricsKeyFile } = values;
  if (address === undefined) return undefined;
  const tls = { hostname, certFile: metricsCertFile, keyFile: metricsKeyFile };
  return { address, tls: metricsSecure ? tls : undefined };
}

/** As kubectl looks for them. */
function kubeconfigPaths(readVariable: ReadVariable): readonly string[] {
  const paths = (readVariable("KUBECONFIG") ?? "").split(":").filter((path) => path !== "");
  const home = readVariable("HOME");
  return paths.length > 0 || !home ? paths : [`${home}/.kube/config`];
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === "object" && part !== null) deepFreeze(part);
  }
  return Object.freeze(value);
}
