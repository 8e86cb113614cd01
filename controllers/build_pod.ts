/**
 * Has the images of an environment scanned when a build has finished (contract §7): creates one scanner pod for each
 * build, in the place of those of earlier builds, and then labels the build's pod as scanned. A build that comes to its
 * turn after a later one is labelled only.
 *
 * @module
 */
import { AppError, TerminalError } from "../lib/errors.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import type { Reconcile } from "../lib/kube/controller.ts";
import {
  isConflict,
  isForbidden,
  isInvalid,
  isNamespaceTerminating,
  isNotFound,
  isOverQuota,
} from "../lib/kube/errors.ts";
import type { EventRecorder } from "../lib/kube/events.ts";
import { formatKey, keyOf, type ObjectKey, type Pod, RESOURCES } from "../lib/kube/objects.ts";
import type { ReflectorHandler } from "../lib/kube/reflector.ts";
import type { WorkQueue } from "../lib/kube/work_queue.ts";
import { LABELS } from "../lib/lagoon.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { ScanPodOptions } from "./scan_pod.ts";
import { ensureScanner, readImages } from "./scanner_pods.ts";

/** What the controller works with. */
export interface BuildPodDependencies {
  /** The API server. */
  readonly kube: Pick<KubeClient, "get" | "getMetadata" | "list" | "create" | "apply" | "delete">;
  /** Tells a site's developers why a build is not scanned. */
  readonly events: EventRecorder;
  /** Counts outcomes. */
  readonly metrics: Pick<Metrics, "countScan">;
  /** Where each outcome is told. */
  readonly log: Logger;
}

/** Which pods are watched: those of builds that nobody has scanned, and that are no scanners themselves. */
export const BUILD_POD_SELECTOR = `${LABELS.buildName},!${LABELS.scanned},!${LABELS.scanStatus}`;

/** And of those the ones that have finished well: the API server sees the phase, which metadata alone don't tell. */
export const FINISHED_SELECTOR = "status.phase=Succeeded";

/** Puts in line whatever the selectors let through. */
export function buildPodHandler(queue: WorkQueue): ReflectorHandler {
  return {
    onObject: (object) => queue.add(keyOf(object)),
    onGone: (key) => queue.forget(key),
  };
}

/** Makes the reconcile function; its keys name the pods of builds. */
export function createBuildPodReconcile(
  { kube, events, metrics, log }: BuildPodDependencies,
  options: ScanPodOptions,
): Reconcile {
  /** What an Event has said last about each build that is tried again, so that it says so once. */
  const told = new Map<string, string>();

  return async function reconcileBuildPod(key, { signal }) {
    const build = await readBuild(key, signal);
    if (!build || !isWaiting(build)) {
      told.delete(formatKey(key));
      return {};
    }
    try {
      await scan(build, signal);
      told.delete(formatKey(key));
    } catch (error) {
      // Somebody wrote in between, so all is read again: that is no failure.
      if (signal.aborted || isConflict(error)) throw error;
      if (!isNotFound(error) && !isNamespaceTerminating(error)) throw await failed(build, error, signal);
      metrics.countScan("gone");
      log.info("Build not scanned as its namespace is being deleted", { object: formatKey(key) });
    }
    return {};
  };

  async function readBuild(key: ObjectKey, signal: AbortSignal): Promise<Pod | undefined> {
    try {
      return await kube.get(RESOURCES.pods, key, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async function scan(build: Pod, signal: AbortSignal): Promise<void> {
    const object = formatKey(keyOf(build));
    const images = await readImages(kube, build.metadata.namespace, signal);
    if (images.length === 0) {
      // Not labelled, as nothing was scanned: a look an hour, at each new list, costs two requests.
      metrics.countScan("nothing");
      log.debug("Build has no Deployments to scan", { object });
      return;
    }
    const outcome = await ensureScanner(kube, build, { images, options, signal });
    await label(build, signal);
    metrics.countScan(outcome);
    const message = outcome === "superseded"
      ? "Build not scanned as a later one is"
      : "Build is being scanned";
    log.info(message, { object, images: images.length, outcome });
  }

  /** With the uid, applying to a pod that is gone is a conflict and does not create one. */
  async function label({ metadata }: Pod, signal: AbortSignal): Promise<void> {
    const { uid, resourceVersion, namespace, name } = metadata;
    const fields = { metadata: { uid, resourceVersion, labels: { [LABELS.scanned]: "true" } } };
    await kube.apply(RESOURCES.pods, { namespace, name }, fields, { signal });
  }

  /** Counts and tells a failure. @returns What is thrown, and by that logged: it says what to do. */
  async function failed(build: Pod, cause: unknown, signal: AbortSignal): Promise<unknown> {
    const object = formatKey(keyOf(build));
    const refusal = refusalOf(cause);
    metrics.countScan("failed", refusal?.code ?? (cause instanceof AppError ? cause.code : "unknown"));
    if (!refusal) return cause;
    const { code, help, isFinal } = refusal;
    const text = `Cannot scan the images of build ${object}: ${help}`;
    if (told.get(object) !== code) {
      told.set(object, code);
      const note = `${text} (${(cause as Error).message})`;
      await events.warn({ resource: RESOURCES.pods, object: build }, "InsightsScanFailed", note, { signal });
    }
    return new (isFinal ? TerminalError : AppError)(code, text, { cause });
  }
}

/** The selectors once more, on what is there now. */
function isWaiting({ metadata: { labels = {} }, status }: Pod): boolean {
  return LABELS.buildName in labels && !(LABELS.scanned in labels) && !(LABELS.scanStatus in labels) &&
    status?.phase === "Succeeded";
}

/** Why a scan was refused, where somebody can do something about it. */
interface Refusal {
  readonly code: string;
  /** What is wrong and what to do. */
  readonly help: string;
  /** Whether trying again can't help before the build or the program's options change. */
  readonly isFinal?: boolean;
}

function refusalOf(error: unknown): Refusal | undefined {
  if (isOverQuota(error)) {
    return {
      code: "quota",
      help: "its namespace's quota leaves no room for the scanner's pod: raise it, or delete pods. " +
        "It is tried again",
    };
  }
  if (isForbidden(error)) {
    return {
      code: "forbidden",
      help: "the cluster forbids insights-remote what a scan takes: have its operators grant the rights of " +
        "manifests/components/build_scanner, or admit the scanner's pod. It is tried again",
    };
  }
  if (isInvalid(error)) {
    return {
      code: "invalid",
      help: "the API server takes no such pod: have the cluster's operators check BUILD_SCANNER_IMAGE and " +
        "BUILD_SCANNER_EXTRA_ENV_VARS",
      isFinal: true,
    };
  }
  if (error instanceof AppError && error.code === "name-taken") {
    return {
      code: error.code,
      help: "the name of its scanner is taken by a pod that is no scanner: delete that. It is tried again",
    };
  }
  return undefined;
}
