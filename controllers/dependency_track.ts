/**
 * Ships SBOMs to one kind of Dependency-Track server, the operator's or those that sites name: uploads each, comes back until
 * the server has processed it, and records the outcome. Each kind has its own queue, so that it never delays the broker.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  DependencyTrackRefusedError,
  DependencyTrackUnavailableError,
} from "../lib/dependency_track/errors.ts";
import { type NameTemplates, projectNames } from "../lib/dependency_track/naming.ts";
import type { Uploader, UploadOptions } from "../lib/dependency_track/uploader.ts";
import type { Reconcile, Result } from "../lib/kube/controller.ts";
import { isNotFound } from "../lib/kube/errors.ts";
import { ObjectTooLargeError } from "../lib/kube/large_objects.ts";
import {
  type ConfigMap,
  formatKey,
  keyOf,
  type ObjectKey,
  type PartialObject,
  RESOURCES,
} from "../lib/kube/objects.ts";
import { LABELS } from "../lib/lagoon.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { CustomTargetOptions, DependencyTrackTarget } from "./dependency_track_targets.ts";
import { configMapState, type DestinationScope, retryCount } from "./destination.ts";
import { createOutcomes, type OutcomeOptions } from "./outcomes.ts";
import type { Parts } from "./parts.ts";

/** The operator's settings for Dependency-Track. */
export interface DependencyTrackOptions extends Omit<UploadOptions, "clock" | "newId"> {
  /** The operator's server, if there is one; an empty `caFile` stands for the well-known CAs. */
  readonly server?:
    | { readonly endpoint: string; readonly key: string; readonly caFile: string }
    | undefined;
  /** The servers that sites may name. */
  readonly custom: Pick<CustomTargetOptions, "allowedHosts" | "allowHttp">;
  /** Whether only SBOMs of production environments are sent. */
  readonly prodOnly: boolean;
  readonly templates: NameTemplates;
  /** Interval for asking whether a server has processed an SBOM, and whether its project is free for another. */
  readonly pollMs: number;
  /** Uploads at the same time, to each kind of server. */
  readonly maxConcurrent: number;
}

/** The wait after a failure doubles up to this one. */
const MAX_BACKOFF_MS = 60 * 60 * 1000;

/** Makes the reconcile function for one kind of server, which is the destination of `scope`. */
export function createDependencyTrackReconcile(
  parts: Parts,
  scope: DestinationScope,
  { target, uploader }: { readonly target: DependencyTrackTarget; readonly uploader: Uploader },
  options: OutcomeOptions & Pick<DependencyTrackOptions, "templates" | "pollMs">,
): Reconcile {
  const { kube, clock, metrics } = parts;
  const count = (outcome: Parameters<Metrics["countSbom"]>[1], code?: string) =>
    metrics.countSbom(scope.destination.name, outcome, code);
  const outcomes = createOutcomes({ ...parts, count }, scope, target.reporting, options);

  async function reconcile(key: ObjectKey, { signal }: { signal: AbortSignal }): Promise<Result> {
    try {
      const object = await kube.getMetadata(RESOURCES.configMaps, key, { signal });
      const state = configMapState(object, scope.destination, clock.now());
      if (state.kind === "deferred") {
        if (!options.deferredEnabled) return {};
        if (state.leftMs > 0) return { requeueAfterMs: state.leftMs };
      } else if (state.kind !== "pending") {
        return await abandon(key, signal);
      }
      const build = uploader.buildOf(formatKey(key));
      // A rebuild has the same name: the upload belongs to the previous build.
      if (build !== undefined && build !== buildOf(object)) return await abandon(key, signal);
      try {
        return await (build === undefined ? upload(key, signal) : finish(object, signal));
      } catch (error) {
        return await fail(object, error, signal);
      }
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return await abandon(key, signal);
    }
  }

  async function upload(key: ObjectKey, signal: AbortSignal): Promise<Result> {
    const [configMap, namespace] = await Promise.all([
      kube.get(RESOURCES.configMaps, key, { signal }),
      kube.getMetadata(RESOURCES.namespaces, { namespace: "", name: key.namespace }, { signal }),
    ]);
    const { labels: namespaceLabels = {} } = namespace.metadata;
    const server = await target.resolve(configMap.metadata, namespaceLabels, signal);
    if (!server) {
      await outcomes.done(configMap, "skipped", signal);
      return {};
    }
    const { labels = {} } = configMap.metadata;
    const names = projectNames(options.templates, labels, namespaceLabels);
    const sbom = sbomOf(configMap);
    await uploader.start({ id: formatKey(key), build: buildOf(configMap), server, names, sbom }, signal);
    return { requeueAfterMs: options.pollMs };
  }

  async function finish(object: PartialObject, signal: AbortSignal): Promise<Result> {
    const id = formatKey(keyOf(object));
    if (!await uploader.isProcessed(id, signal)) return { requeueAfterMs: options.pollMs };
    await outcomes.done(object, "success", signal);
    uploader.forget(id);
    return {};
  }

  /** Waits for an upload whose outcome is not needed any more: until it ends, another to its project must not start. */
  async function abandon(key: ObjectKey, signal: AbortSignal): Promise<Result> {
    const id = formatKey(key);
    if (uploader.buildOf(id) === undefined) return {};
    const isOver = await uploader.isProcessed(id, signal).catch(() => true);
    signal.throwIfAborted();
    if (!isOver) return { requeueAfterMs: options.pollMs };
    uploader.forget(id);
    return { requeueAfterMs: 0 };
  }

  /** Records a failure of Dependency-Track; throws any other again. */
  async function fail(object: PartialObject, error: unknown, signal: AbortSignal): Promise<Result> {
    const isRefused = error instanceof DependencyTrackRefusedError || error instanceof ObjectTooLargeError;
    if (signal.aborted || !isRefused && !(error instanceof DependencyTrackUnavailableError)) throw error;
    const key = keyOf(object);
    uploader.forget(formatKey(key));
    // Another destination may have written to it meanwhile, which is no reason to upload again.
    const latest = await kube.getMetadata(RESOURCES.configMaps, key, { signal });
    // A rebuild is queued already.
    if (buildOf(latest) !== buildOf(object)) return {};
    if (!isRefused) return await outcomes.defer(latest, error, signal, backoffOf(latest, error));
    await outcomes.refuse(latest, error, signal);
    return {};
  }

  function backoffOf(object: PartialObject, { retryAfterMs }: DependencyTrackUnavailableError): number {
    const doubledMs = options.retryDelayMs * 2 ** Math.min(retryCount(object, scope.destination), 20);
    return Math.max(options.retryDelayMs, Math.min(doubledMs, MAX_BACKOFF_MS), retryAfterMs);
  }

  return reconcile;
}

/** Identifies the build that wrote a ConfigMap. */
function buildOf({ metadata }: PartialObject): string {
  return `${metadata.uid} ${metadata.labels?.[LABELS.buildName] ?? ""}`;
}

/** The only SBOM of a ConfigMap, in base64. */
function sbomOf({ data = {}, binaryData = {} }: ConfigMap): string {
  const texts = Object.values(data).map((text) => Buffer.from(text).toString("base64"));
  const [sbom, ...more] = [...Object.values(binaryData), ...texts];
  if (sbom !== undefined && more.length === 0) return sbom;
  const count = sbom === undefined ? 0 : more.length + 1;
  throw new DependencyTrackRefusedError(
    "track-sbom-count",
    `Cannot send this ConfigMap to Dependency-Track because it must hold one SBOM, but holds ${count}`,
  );
}
