/**
 * Shared setup of the reconcile suites: an embedded or real cluster, and the program's controllers.
 *
 * @module
 */
import { createControllers } from "../../controllers/mod.ts";
import type { ConfigMapControllersOptions } from "../../controllers/configmap_controllers.ts";
import type { DependencyTrackOptions } from "../../controllers/dependency_track.ts";
import type { ScanPodOptions } from "../../controllers/scan_pod.ts";
import type { TokenSecretOptions } from "../../controllers/token_secret.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { createKubeClient } from "../../lib/kube/client.ts";
import { createMetrics, type Metrics } from "../../lib/metrics.ts";
import { LAGOON_NAMESPACE_LABELS } from "../fixtures/objects.ts";
import type { TestCluster } from "../fixtures/cluster.ts";
import { MemoryLogger, RecordingPublisher } from "../fixtures/recorders.ts";

/** Signs the suite's tokens. */
export const SECRET = "the-secret-of-the-reconcile-suite";

export interface ClusterFactory {
  /** Part of each test's name. */
  readonly name: string;
  /** Ignores tests without this cluster, with the reason in their names. */
  readonly guard?: (name: string) => { name: string; ignore: boolean };
  start(): Promise<StartedCluster>;
}

/** A running cluster. */
export interface StartedCluster extends AsyncDisposable {
  /** Full access for the tests. */
  readonly cluster: TestCluster;
  /** The program's token. @default the token of the tests */
  readonly programToken?: string;
}

export interface Scene {
  readonly cluster: TestCluster;
  /** The test's own namespace, a Lagoon environment. */
  readonly namespace: string;
  /** Creates another namespace, without labels by default. */
  bareNamespace(labels?: Readonly<Record<string, string>>): Promise<string>;
  /** Starts the controllers; disposing of them stops them in order. */
  run(options?: RunOptions): Program;
}

export interface RunOptions {
  readonly configMaps?: Partial<ConfigMapControllersOptions>;
  /** @default off */
  readonly track?: Partial<DependencyTrackOptions>;
  /** For servers that sites name. @default all, because the stand-in has a loopback address */
  readonly allowsAddress?: (address: string) => boolean;
  readonly tokens?: Partial<TokenSecretOptions> | false;
  /** @default off */
  readonly scanner?: ScanPodOptions;
  readonly clock?: Clock;
  readonly publisher?: RecordingPublisher;
  readonly log?: MemoryLogger;
  /** The program's token, instead of the factory's. */
  readonly token?: string | undefined;
}

/** The running controllers. */
export interface Program extends AsyncDisposable {
  readonly publisher: RecordingPublisher;
  readonly log: MemoryLogger;
  readonly metrics: Metrics;
}

/** Options for Lagoon core that tests change in part. */
export const CONFIG_MAPS: ConfigMapControllersOptions = {
  burnAfterReading: false,
  deferredEnabled: true,
  maxRetries: 0,
  retryDelayMs: 5 * 60 * 1000,
  coreOptIn: false,
  maxBytesInFlight: 6_000_000,
  maxConcurrent: 2,
};

/** Options for Dependency-Track that tests change in part. */
export const TRACK: DependencyTrackOptions = {
  custom: { allowedHosts: [], allowHttp: false },
  prodOnly: true,
  templates: {
    root: "{{ .ProjectName }}",
    parent: "{{ .ProjectName }}-{{ .EnvironmentName }}",
    project: "{{ .ProjectName }}-{{ .EnvironmentName }}-{{ .ServiceName }}",
    version: "unset",
  },
  maxConcurrent: 2,
  maxSbomBytes: 50_000_000,
  requestTimeoutMs: 10_000,
  processingTimeoutMs: 300_000,
  pollMs: 50,
};

/** Numbers namespaces over all suites, because some share a cluster. */
let count = 0;

/** Registers tests that share one cluster. Each has its own namespace. */
export function describeSuite(
  factory: ClusterFactory,
  define: (test: (story: string, run: (scene: Scene) => Promise<void>) => void) => void,
): void {
  let shared: ReturnType<ClusterFactory["start"]> | undefined;
  Deno.test.afterAll(async () => {
    await (await shared)?.[Symbol.asyncDispose]();
  });

  define((story, run) => {
    const name = `${factory.name}: ${story}`;
    Deno.test({
      ...(factory.guard?.(name) ?? { name }),
      fn: async () => {
        shared ??= factory.start();
        const { cluster, programToken } = await shared;
        const bareNamespace = async (labels = {}) => {
          const namespace = `suite-${++count}`;
          await cluster.createNamespace(namespace, labels);
          return namespace;
        };
        const namespace = await bareNamespace(LAGOON_NAMESPACE_LABELS);
        const start = (options: RunOptions = {}) =>
          startProgram(cluster, { token: programToken, ...options });
        await run({ cluster, namespace, bareNamespace, run: start });
      },
    });
  });
}

/** Starts the controllers in a cluster; disposing of them stops them in order. */
export function startProgram(cluster: TestCluster, options: RunOptions): Program {
  const { clock = systemClock, publisher = new RecordingPublisher(), log = new MemoryLogger() } = options;
  const metrics = createMetrics();
  const access = cluster.access(options.token);
  const { allowsAddress = () => true } = options;
  const kube = createKubeClient({ access, clock });
  const controllers = createControllers(
    {
      kube,
      publisher,
      clock,
      random: () => 0,
      newId: () => crypto.randomUUID(),
      metrics,
      log,
      readTextFile: Deno.readTextFile,
      allowsAddress,
    },
    {
      configMaps: {
        ...CONFIG_MAPS,
        ...options.configMaps,
        dependencyTrack: options.track ? { ...TRACK, ...options.track } : undefined,
      },
      tokens: options.tokens === false ? undefined : { secret: SECRET, ...options.tokens },
      scanner: options.scanner,
    },
  );
  const stop = new AbortController();
  const running = controllers.run({ signal: stop.signal, killSignal: new AbortController().signal });
  return {
    publisher,
    log,
    metrics,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
      access.close();
    },
  };
}
