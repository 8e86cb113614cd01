/**
 * Wires the destinations of insights ConfigMaps: one watch, and for each destination a queue and workers of its own. Another
 * destination is another lane here (docs/architecture.md).
 *
 * @module
 */
import { isPublicAddress } from "../lib/dependency_track/addresses.ts";
import type { NameTemplates } from "../lib/dependency_track/naming.ts";
import { Pusher, type PusherOptions } from "../lib/dependency_track/push.ts";
import { RESOURCES } from "../lib/kube/objects.ts";
import { createReflector } from "../lib/kube/reflector.ts";
import { WorkQueue } from "../lib/kube/work_queue.ts";
import { type ConfigMapOptions, createConfigMapReconcile } from "./configmap.ts";
import { configMapHandler, type Lane } from "./configmap_handler.ts";
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

/** What the operator can choose. */
export interface LanesOptions extends ConfigMapOptions {
  /** How many ConfigMaps are sent to Lagoon core at the same time. */
  readonly maxConcurrent: number;
  /** Send only ConfigMaps to core whose annotation asks for it. */
  readonly coreOptIn: boolean;
  /** Dependency-Track; undefined for none. */
  readonly track?: TrackLanesOptions | undefined;
}

/** What the operator can choose of Dependency-Track. */
export interface TrackLanesOptions extends Omit<PusherOptions, "clock" | "newId"> {
  /** The operator's server; undefined for none. */
  readonly server?: { readonly endpoint: string; readonly key: string } | undefined;
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

/** Makes the controllers of all destinations; core comes first, and watches for all. */
export function createConfigMapControllers(parts: Parts, options: LanesOptions): readonly Controller[] {
  const core: Lane = { destination: coreDestination(options.coreOptIn), queue: new WorkQueue(parts) };
  const targets = options.track ? trackTargets(parts, options.track) : [];
  const lanes = targets.map((target) => ({
    target,
    destination: target.destination,
    queue: new WorkQueue(parts),
  }));
  const all = [core, ...lanes].map(({ destination }) => destination);
  const handler = configMapHandler([core, ...lanes], parts.clock, options);
  parts.metrics.observe("configmaps", () => ({ ...handler.counts(core.destination) }));
  parts.metrics.observe("sboms_waiting", () =>
    Object.fromEntries(lanes.map(({ destination }) => {
      const { pending, deferred } = handler.counts(destination);
      return [destination.name, pending + deferred];
    })));
  const watch = createReflector({
    ...parts,
    client: parts.kube,
    resource: RESOURCES.configMaps,
    labelSelector: configMapSelector(options.burnAfterReading),
    handler,
  });
  const first: Controller = {
    name: "configmap",
    queue: core.queue,
    reflectors: { "configmaps-watch": watch },
    reconcile: createConfigMapReconcile(parts, { destination: core.destination, all }, options),
    concurrency: options.maxConcurrent,
  };
  const { track } = options;
  if (!track) return [first];
  const pushers = new Map(
    lanes.map(({ destination }) => [destination.name, new Pusher({ ...parts, ...track })]),
  );
  parts.metrics.observe(
    "sboms_in_flight",
    () => Object.fromEntries([...pushers].map(([name, pusher]) => [name, pusher.runningCount])),
  );
  const others = lanes.map(({ destination, target, queue }): Controller => ({
    name: destination.name,
    queue,
    reflectors: {},
    reconcile: createTrackReconcile(
      { ...parts, pusher: pushers.get(destination.name)! },
      { destination, all },
      target,
      {
        ...options,
        ...track,
      },
    ),
    concurrency: track.maxConcurrent,
  }));
  return [first, ...others];
}

/** Each kind of server is a lane of its own, so that a site's holds up nobody else's SBOMs. */
function trackTargets(parts: Parts, { server, custom, prodOnly }: TrackLanesOptions): TrackTarget[] {
  const { allowsAddress = isPublicAddress } = parts;
  return [
    ...server ? [defaultTarget({ ...server, prodOnly })] : [],
    customTarget(parts, { ...custom, prodOnly, allowsAddress }),
  ];
}
