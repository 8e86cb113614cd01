/**
 * Ships SBOMs to Dependency-Track: uploads each, comes back until it is processed, and writes what became of it. It has a queue
 * of its own, so that the broker never waits for it, and takes one kind of server: the operator's, or those that sites name.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { ByteBudget } from "../lib/byte_budget.ts";
import type { Clock } from "../lib/clock.ts";
import { TrackRefusedError, TrackUnavailableError } from "../lib/dependency_track/errors.ts";
import { type NameTemplates, projectNames } from "../lib/dependency_track/naming.ts";
import type { Pusher } from "../lib/dependency_track/push.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import type { Reconcile, Result } from "../lib/kube/controller.ts";
import { isNotFound } from "../lib/kube/errors.ts";
import type { EventRecorder } from "../lib/kube/events.ts";
import {
  type ConfigMap,
  formatKey,
  keyOf,
  LARGEST_CONFIG_MAP,
  type ObjectKey,
  type PartialObject,
  RESOURCES,
} from "../lib/kube/objects.ts";
import { LABELS } from "../lib/lagoon.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { configMapState, deferralLeft } from "./configmap_state.ts";
import type { TrackTarget } from "./dependency_track_targets.ts";
import { type DestinationScope, retryCount } from "./destination.ts";
import { createOutcomes, type OutcomeOptions } from "./outcomes.ts";

/** What the operator can choose. */
export interface TrackOptions extends OutcomeOptions {
  /** Wait after the first failure, in milliseconds; twice as long after each further one, up to an hour. */
  readonly retryDelayMs: number;
  /** Payloads in memory at the same time, in bytes. */
  readonly maxBytesInFlight: number;
  /** What projects are called. */
  readonly templates: NameTemplates;
  /** How often a server is asked whether it is done, and whether another SBOM of its project is, in milliseconds. */
  readonly pollMs: number;
}

/** What the controller works with. */
export interface TrackDependencies {
  /** The API server. */
  readonly kube: Pick<KubeClient, "get" | "getMetadata" | "apply" | "patch" | "delete">;
  /** Uploads. */
  readonly pusher: Pusher;
  /** Tells a site's developers what is wrong. */
  readonly events: EventRecorder;
  /** Tells when a deferral is over. */
  readonly clock: Clock;
  /** Counts outcomes. */
  readonly metrics: Pick<Metrics, "countSbom">;
  /** Where each outcome is told. */
  readonly log: Logger;
}

const LONGEST_BACKOFF_MS = 60 * 60 * 1000;

/**
 * Makes the reconcile function of one kind of server.
 *
 * @param place The target's destination among all.
 */
export function createTrackReconcile(
  dependencies: TrackDependencies,
  place: DestinationScope,
  target: TrackTarget,
  options: TrackOptions,
): Reconcile {
  const { kube, pusher, clock, metrics } = dependencies;
  const count = (outcome: Parameters<Metrics["countSbom"]>[1], code?: string) =>
    metrics.countSbom(place.destination.name, outcome, code);
  const outcomes = createOutcomes({ ...dependencies, count }, place, target.words, options);
  const budget = new ByteBudget(options.maxBytesInFlight);
  /** The build whose SBOM was uploaded and is not marked yet, by ConfigMap. */
  const begun = new Map<string, string>();

  async function reconcile(key: ObjectKey, { signal }: { signal: AbortSignal }): Promise<Result> {
    const id = formatKey(key);
    try {
      const object = await kube.getMetadata(RESOURCES.configMaps, key, { signal });
      const state = configMapState(object, place.destination);
      if (state.kind === "deferred") {
        const leftMs = deferralLeft(state.untilMs, clock.now());
        if (!options.deferredEnabled) return {};
        if (leftMs > 0) return { requeueAfterMs: leftMs };
      } else if (state.kind !== "pending") {
        return await abandon(id, signal);
      }
      // A rebuild has the same name: what was begun for the one before is none of its.
      const build = begun.get(id);
      if (build !== undefined && build !== buildOf(object)) return await abandon(id, signal);
      return await orFail(
        object,
        signal,
        () => build !== undefined ? follow(object, signal) : begin(key, signal),
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return await abandon(id, signal);
    }
  }

  /** Nobody wants to know any more how a push ends, but until it has, another of its project must not begin. */
  async function abandon(id: string, signal: AbortSignal): Promise<Result> {
    if (!begun.has(id)) return {};
    const state = await pusher.look(id, signal).catch(() => "done");
    signal.throwIfAborted();
    if (state !== "done") return { requeueAfterMs: options.pollMs };
    forget(id);
    return { requeueAfterMs: 0 };
  }

  function forget(id: string): void {
    begun.delete(id);
    pusher.forget(id);
  }

  /** Writes what went wrong. */
  async function orFail(
    object: PartialObject,
    signal: AbortSignal,
    work: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      const isKnown = error instanceof TrackRefusedError || error instanceof TrackUnavailableError;
      if (signal.aborted || !isKnown) throw error;
      const key = keyOf(object);
      forget(formatKey(key));
      // Another destination may have written meanwhile, and nothing is to be sent again for that; a rebuild is in line already.
      const latest = await kube.getMetadata(RESOURCES.configMaps, key, { signal });
      if (buildOf(latest) !== buildOf(object)) return {};
      if (error instanceof TrackRefusedError) return await outcomes.refuse(latest, error, { signal });
      return await outcomes.defer(latest, error, backoffOf(latest, error), { signal });
    }
  }

  function backoffOf(object: PartialObject, { retryAfterMs }: TrackUnavailableError): number {
    const doubledMs = options.retryDelayMs * 2 ** Math.min(retryCount(object, place.destination), 20);
    return Math.max(options.retryDelayMs, Math.min(doubledMs, LONGEST_BACKOFF_MS), retryAfterMs);
  }

  async function begin(key: ObjectKey, signal: AbortSignal): Promise<Result> {
    using _reservation = await budget.reserve(LARGEST_CONFIG_MAP, { signal });
    const [configMap, namespace] = await Promise.all([
      kube.get(RESOURCES.configMaps, key, { signal }),
      kube.getMetadata(RESOURCES.namespaces, { namespace: "", name: key.namespace }, { signal }),
    ]);
    const { labels = {} } = configMap.metadata;
    const { server, prodOnly } = await target.resolve(configMap.metadata, signal);
    if (prodOnly && labels[LABELS.environmentType] !== "production") {
      await outcomes.done(configMap, "skipped", { signal });
      return {};
    }
    const names = projectNames(options.templates, {
      projectName: namespace.metadata.labels?.[LABELS.project],
      environmentName: namespace.metadata.labels?.[LABELS.environment],
      labels,
    });
    const id = formatKey(key);
    const state = await pusher.begin({ id, server, names, sbom: sbomOf(configMap) }, signal);
    if (state === "processing") begun.set(id, buildOf(configMap));
    return { requeueAfterMs: options.pollMs };
  }

  async function follow(object: PartialObject, signal: AbortSignal): Promise<Result> {
    const id = formatKey(keyOf(object));
    if (await pusher.look(id, signal) !== "done") return { requeueAfterMs: options.pollMs };
    await outcomes.done(object, "success", { signal });
    forget(id);
    return {};
  }

  return reconcile;
}

/** Tells builds apart that leave a ConfigMap of the same name. */
function buildOf({ metadata }: PartialObject): string {
  return `${metadata.uid} ${metadata.labels?.[LABELS.buildName] ?? ""}`;
}

/** The one SBOM of a ConfigMap, in base64. */
function sbomOf({ data = {}, binaryData = {} }: ConfigMap): string {
  const texts = Object.values(data).map((text) => Buffer.from(text).toString("base64"));
  const [sbom, ...more] = [...Object.values(binaryData), ...texts];
  if (sbom !== undefined && more.length === 0) return sbom;
  const count = sbom === undefined ? 0 : more.length + 1;
  throw new TrackRefusedError(
    "track-sbom-count",
    `Cannot send this ConfigMap to Dependency-Track as it must hold one SBOM, and holds ${count}`,
  );
}
