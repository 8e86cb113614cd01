/**
 * What the reconcile suite runs on: a cluster, embedded or real, and the program's controllers against it.
 *
 * @module
 */
import { createControllers } from "../../controllers/mod.ts";
import type { LanesOptions, TrackLanesOptions } from "../../controllers/configmap_lanes.ts";
import type { NamespaceOptions } from "../../controllers/namespace.ts";
import type { ScanPodOptions } from "../../controllers/scan_pod.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { createKubeClient } from "../../lib/kube/client.ts";
import { createMetrics, type Metrics } from "../../lib/metrics.ts";
import { LAGOON_NAMESPACE_LABELS } from "../fixtures/objects.ts";
import type { TestCluster } from "../fixtures/cluster.ts";
import { MemoryLogger, RecordingPublisher } from "../fixtures/recorders.ts";

/** Signs the suite's tokens. */
export const SECRET = "the-secret-of-the-reconcile-suite";

/** Starts the cluster that a suite shares. */
export interface ClusterFactory {
  /** Named in each test. */
  readonly name: string;
  /** Ignores tests where the cluster can't be started; adds the reason to their names. */
  readonly guard?: (name: string) => { name: string; ignore: boolean };
  start(): Promise<StartedCluster>;
}

/** A cluster that runs. */
export interface StartedCluster extends AsyncDisposable {
  /** The tests' own hands in it. */
  readonly cluster: TestCluster;
  /** Who the program is there; the same as the tests without it. */
  readonly programToken?: string;
}

/** What a test gets. */
export interface Scene {
  readonly cluster: TestCluster;
  /** A namespace of its own, which is a Lagoon environment. */
  readonly namespace: string;
  /** Another one, without labels. */
  bareNamespace(): Promise<string>;
  /** Starts the controllers; dispose of them to stop them in order. */
  run(options?: RunOptions): Program;
}

/** Options of the controllers, each with a default. */
export interface RunOptions {
  readonly configMaps?: Partial<LanesOptions>;
  /** Dependency-Track; off without it. */
  readonly track?: Partial<TrackLanesOptions>;
  /** Of servers that sites name; all are by default, since the stand-in is on this machine. */
  readonly allowsAddress?: (address: string) => boolean;
  readonly tokens?: Partial<NamespaceOptions> | false;
  /** The build scanner; off without it. */
  readonly scanner?: ScanPodOptions;
  readonly clock?: Clock;
  readonly publisher?: RecordingPublisher;
  readonly log?: MemoryLogger;
  /** Who the program is, instead of the factory's choice. */
  readonly token?: string | undefined;
}

/** The running controllers. */
export interface Program extends AsyncDisposable {
  readonly publisher: RecordingPublisher;
  readonly log: MemoryLogger;
  readonly metrics: Metrics;
}

const CONFIG_MAPS: LanesOptions = {
  burnAfterReading: false,
  deferredEnabled: true,
  maxRetries: 0,
  retryDelayMs: 5 * 60 * 1000,
  coreOptIn: false,
  maxBytesInFlight: 6_000_000,
  maxConcurrent: 2,
};

const TRACK: TrackLanesOptions = {
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

/** Of the namespaces of all suites, since some share a cluster. */
let count = 0;

/** Registers tests that share one cluster, each in a namespace of its own. */
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

/** Starts the controllers in a cluster; dispose of them to stop them in order. */
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
        track: options.track ? { ...TRACK, ...options.track } : undefined,
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
