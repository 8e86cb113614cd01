/**
 * Builds the controllers of insights ConfigMaps: one watch, and for each destination its own queue and workers. To add a destination,
 * add a queue and a reconcile function here (docs/architecture.md).
 *
 * @module
 */
import { isPublicAddress } from "../lib/dependency_track/addresses.ts";
import { Uploader } from "../lib/dependency_track/uploader.ts";
import { LARGEST_CONFIG_MAP, RESOURCES } from "../lib/kube/objects.ts";
import { createReflector } from "../lib/kube/reflector.ts";
import { WorkQueue } from "../lib/kube/work_queue.ts";
import { createConfigMapReconcile } from "./configmap.ts";
import { configMapHandler, type DestinationQueue } from "./configmap_handler.ts";
import { createDependencyTrackReconcile, type DependencyTrackOptions } from "./dependency_track.ts";
import { customTarget, defaultTarget, type DependencyTrackTarget } from "./dependency_track_targets.ts";
import { configMapSelector, coreDestination, dependencyTrackDestination } from "./destination.ts";
import type { OutcomeOptions } from "./outcomes.ts";
import type { Controller, Parts } from "./parts.ts";

/** Options of all destinations. */
export interface ConfigMapControllersOptions extends OutcomeOptions {
  /** To Lagoon core. */
  readonly maxConcurrent: number;
  /** Payloads of ConfigMaps in memory at the same time, in bytes, for each destination. */
  readonly maxBytesInFlight: number;
  /** Send only ConfigMaps to core whose annotation asks for it. */
  readonly coreOptIn: boolean;
  readonly dependencyTrack?: DependencyTrackOptions | undefined;
}

/** Makes the controllers of all destinations. That of Lagoon core comes first, and its watch fills every queue. */
export function createConfigMapControllers(
  parts: Parts,
  options: ConfigMapControllersOptions,
): readonly Controller[] {
  const core = { destination: coreDestination(options.coreOptIn), queue: new WorkQueue(parts) };
  const servers = options.dependencyTrack ? dependencyTrackQueues(parts, options.dependencyTrack) : [];
  const enabled = [core, ...servers].map(({ destination }) => destination);
  // Those that are turned off want nothing, and their marks stay.
  const disabled = (["default", "custom"] as const).map((kind) =>
    dependencyTrackDestination(kind, () => false)
  )
    .filter(({ name }) => !enabled.some((destination) => destination.name === name));
  const all = [...enabled, ...disabled];
  const handler = configMapHandler([core, ...servers], parts.clock, options);
  const byServer = (read: (server: DependencyTrackQueue) => number) =>
    Object.fromEntries(servers.map((server) => [server.destination.name, read(server)]));
  const waitingCount = ({ destination }: DestinationQueue) => {
    const { pending, deferred } = handler.counts(destination);
    return pending + deferred;
  };
  parts.metrics.registerGauge("configmaps", () => handler.counts(core.destination));
  parts.metrics.registerGauge("sboms_waiting", () => byServer(waitingCount));
  parts.metrics.registerGauge("sboms_in_flight", () => byServer(({ uploader }) => uploader.runningCount));
  const watch = createReflector({
    ...parts,
    client: parts.kube,
    resource: RESOURCES.configMaps,
    labelSelector: configMapSelector(options.burnAfterReading),
    handler,
  });
  return [
    {
      name: "configmap",
      queue: core.queue,
      reflectors: { "configmaps-watch": watch },
      reconcile: createConfigMapReconcile(parts, { destination: core.destination, all }, options),
      concurrency: workers(options.maxConcurrent, options),
    },
    ...servers.map(({ destination, queue, target, uploader, options: own }): Controller => ({
      name: destination.name,
      queue,
      reflectors: {},
      reconcile: createDependencyTrackReconcile(parts, { destination, all }, { target, uploader }, {
        ...options,
        ...own,
      }),
      concurrency: workers(own.maxConcurrent, options),
    })),
  ];
}

/** As many workers as may each hold the largest ConfigMap at the same time. */
function workers(maxConcurrent: number, { maxBytesInFlight }: ConfigMapControllersOptions): number {
  return Math.max(1, Math.min(maxConcurrent, Math.floor(maxBytesInFlight / LARGEST_CONFIG_MAP)));
}

interface DependencyTrackQueue extends DestinationQueue {
  readonly target: DependencyTrackTarget;
  readonly uploader: Uploader;
  readonly options: DependencyTrackOptions;
}

/** Each kind of server has its own queue, so that sites' servers delay nobody else's SBOMs. */
function dependencyTrackQueues(parts: Parts, options: DependencyTrackOptions): DependencyTrackQueue[] {
  const { allowsAddress = isPublicAddress } = parts;
  const { server, custom, prodOnly } = options;
  const targets = [
    ...server ? [defaultTarget(server, prodOnly, parts)] : [],
    customTarget(parts, { ...custom, prodOnly, allowsAddress }),
  ];
  return targets.map((target) => ({
    destination: target.destination,
    queue: new WorkQueue(parts),
    target,
    uploader: new Uploader({ ...parts, ...options, oneAtATime: target.hasManyServers }),
    options,
  }));
}
