/**
 * Builds the controllers of insights ConfigMaps: one watch, and for each destination its own queue and workers. To add a destination,
 * add a queue and a reconcile function here (docs/architecture.md).
 *
 * @module
 */
import { isPublicAddress } from "../lib/dependency_track/addresses.ts";
import { operatorsAuthorities } from "../lib/dependency_track/authorities.ts";
import type { NameTemplates } from "../lib/dependency_track/naming.ts";
import { Pusher, type PusherOptions } from "../lib/dependency_track/push.ts";
import { RESOURCES } from "../lib/kube/objects.ts";
import { createReflector } from "../lib/kube/reflector.ts";
import { WorkQueue } from "../lib/kube/work_queue.ts";
import { type ConfigMapOptions, createConfigMapReconcile } from "./configmap.ts";
import { type ConfigMapHandler, configMapHandler, type DestinationQueue } from "./configmap_handler.ts";
import { configMapSelector } from "./configmap_state.ts";
import { createTrackReconcile } from "./dependency_track.ts";
import {
  customTarget,
  type CustomTargetOptions,
  defaultTarget,
  type TrackTarget,
} from "./dependency_track_targets.ts";
import { coreDestination } from "./destination.ts";
import type { Controller, Parts } from "./parts.ts";

/** Options of all destinations. */
export interface ConfigMapControllersOptions extends ConfigMapOptions {
  /** ConfigMaps that are sent to Lagoon core at the same time. */
  readonly maxConcurrent: number;
  /** Send only ConfigMaps to core whose annotation asks for it. */
  readonly coreOptIn: boolean;
  /** Dependency-Track; undefined for none. */
  readonly track?: TrackLanesOptions | undefined;
}

/** What the operator can choose of Dependency-Track. */
export interface TrackLanesOptions extends Omit<PusherOptions, "clock" | "newId"> {
  /** The operator's server; undefined for none. An empty name of the file with its CAs stands for none. */
  readonly server?:
    | { readonly endpoint: string; readonly key: string; readonly caFile: string }
    | undefined;
  /** Servers that sites may name. */
  readonly custom: Pick<CustomTargetOptions, "allowedHosts" | "allowHttp">;
  /** Only SBOMs of production environments. */
  readonly prodOnly: boolean;
  /** What projects are called. */
  readonly templates: NameTemplates;
  /** How often a server is asked whether it is done, in milliseconds. */
  readonly pollMs: number;
  /** How many SBOMs are uploaded at the same time, to each kind of server. */
  readonly maxConcurrent: number;
}

/** Makes the controllers of all destinations. That of Lagoon core comes first, and its watch fills every queue. */
export function createConfigMapControllers(
  parts: Parts,
  options: ConfigMapControllersOptions,
): readonly Controller[] {
  const core: DestinationQueue = {
    destination: coreDestination(options.coreOptIn),
    queue: new WorkQueue(parts),
  };
  const tracks = options.track ? trackLanes(parts, options.track) : [];
  const all = [core, ...tracks].map(({ destination }) => destination);
  const handler = configMapHandler([core, ...tracks], parts.clock, options);
  registerGauges(parts, core, tracks, handler);
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
      concurrency: options.maxConcurrent,
    },
    ...tracks.map(({ destination, queue, target, pusher, track }): Controller => ({
      name: destination.name,
      queue,
      reflectors: {},
      reconcile: createTrackReconcile({ ...parts, pusher }, { destination, all }, target, {
        ...options,
        ...track,
      }),
      concurrency: track.maxConcurrent,
    })),
  ];
}

interface TrackQueue extends DestinationQueue {
  readonly target: TrackTarget;
  readonly pusher: Pusher;
  readonly track: TrackLanesOptions;
}

function trackLanes(parts: Parts, track: TrackLanesOptions): TrackQueue[] {
  return trackTargets(parts, track).map((target) => ({
    destination: target.destination,
    queue: new WorkQueue(parts),
    target,
    pusher: new Pusher({ ...parts, ...track }),
    track,
  }));
}

function registerGauges(
  { metrics }: Parts,
  core: DestinationQueue,
  tracks: readonly TrackQueue[],
  handler: ConfigMapHandler,
): void {
  const byName = (read: (lane: TrackQueue) => number) =>
    Object.fromEntries(tracks.map((lane) => [lane.destination.name, read(lane)]));
  metrics.registerGauge("configmaps", () => ({ ...handler.counts(core.destination) }));
  metrics.registerGauge("sboms_waiting", () =>
    byName(({ destination }) => {
      const { pending, deferred } = handler.counts(destination);
      return pending + deferred;
    }));
  metrics.registerGauge("sboms_in_flight", () => byName(({ pusher }) => pusher.runningCount));
}

/** Each kind of server is a lane of its own, so that a site's holds up nobody else's SBOMs. */
function trackTargets(parts: Parts, { server, custom, prodOnly }: TrackLanesOptions): TrackTarget[] {
  const { allowsAddress = isPublicAddress, readTextFile } = parts;
  return [
    ...server
      ? [
        defaultTarget({
          ...server,
          prodOnly,
          authorities: operatorsAuthorities(server.caFile, readTextFile),
        }),
      ]
      : [],
    customTarget(parts, { ...custom, prodOnly, allowsAddress }),
  ];
}
