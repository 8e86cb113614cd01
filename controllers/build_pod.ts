/**
 * Scans the images of an environment after a build (docs/protocol.md, "Build scanner"): creates a scanner pod, which replaces
 * those of earlier builds, and then labels the build's pod. A build that is reconciled after a later one is only labelled.
 *
 * @module
 */
import { AppError, TerminalError } from "../lib/errors.ts";
import type { Result } from "../lib/kube/controller.ts";
import {
  isConflict,
  isForbidden,
  isInvalid,
  isNamespaceTerminating,
  isNotFound,
  isOverQuota,
  unlessNotFound,
} from "../lib/kube/errors.ts";
import { formatKey, keyOf, type ObjectKey, type Pod, RESOURCES } from "../lib/kube/objects.ts";
import { createReflector } from "../lib/kube/reflector.ts";
import { WorkQueue } from "../lib/kube/work_queue.ts";
import { ANNOTATIONS, LABELS } from "../lib/lagoon.ts";
import type { Controller, Parts } from "./parts.ts";
import { namesForeignDockerHost, scanPod, type ScanPodOptions } from "./scan_pod.ts";
import { ensureScanner, type Images, readImages } from "./scanner_pods.ts";

/** Selects the pods of builds that are not scanned yet, without scanners. */
export const BUILD_POD_SELECTOR = `${LABELS.buildName},!${LABELS.scanned},!${LABELS.scanStatus}`;

/** Selects those that have succeeded: the API server knows the phase, metadata alone don't hold it. */
const FINISHED_SELECTOR = "status.phase=Succeeded";

/** Deployments that an Event names. */
const MAX_NAMED = 5;

/** Makes the controller; it sends nothing before its reflector and its reconcile function run. */
export function createScanController(
  parts: Pick<Parts, "kube" | "clock" | "random" | "events" | "metrics" | "log">,
  options: ScanPodOptions,
): Controller {
  const { kube, events, metrics, log } = parts;
  if (!hasFixedVersion(options.image)) {
    log.warn("BUILD_SCANNER_IMAGE can change at any time: name its digest", { image: options.image });
  }
  const queue = new WorkQueue(parts);
  /** By build: the code of its last Event, so that retries don't repeat it. */
  const reported = new Map<string, string>();
  /** By build: the uid of the pod that has a warning. */
  const warned = new Map<string, string>();

  async function reconcile(key: ObjectKey, { signal }: { signal: AbortSignal }): Promise<Result> {
    const build = await unlessNotFound(kube.get(RESOURCES.pods, key, { signal }));
    if (!build || !isWaiting(build)) return {};
    try {
      await scan(build, signal);
    } catch (error) {
      // A conflict is no failure: another writer was first, so that everything is read again.
      if (signal.aborted || isConflict(error)) throw error;
      if (!isNotFound(error) && !isNamespaceTerminating(error)) throw await report(build, error, signal);
      metrics.countScan("gone");
      const object = formatKey(key);
      log.info("Build not scanned because its namespace is being deleted", { object });
    }
    return {};
  }

  async function scan(build: Pod, signal: AbortSignal): Promise<void> {
    const { namespace, name, uid, resourceVersion } = build.metadata;
    const object = formatKey({ namespace, name });
    const found = await readImages(kube, namespace, signal);
    const { images } = found;
    await warn(build, found, signal);
    if (images.length === 0) {
      // Without a label, because nothing was scanned: each list, once an hour, looks again.
      metrics.countScan("nothing");
      log.debug("Build has no Deployments to scan", { object });
      return;
    }
    const outcome = await ensureScanner(kube, build, scanPod(build, images, options), signal);
    // With the uid, applying to a pod that is gone is a conflict and creates none.
    const fields = { metadata: { uid, resourceVersion, labels: { [LABELS.scanned]: "true" } } };
    await kube.apply(RESOURCES.pods, { namespace, name }, fields, { signal });
    metrics.countScan(outcome);
    const message = outcome === "superseded"
      ? "Build not scanned because a later one is"
      : "Build is being scanned";
    log.info(message, { object, images: images.length, outcome });
  }

  /** Reports what the scan does not do as the build or its namespace asks, once for each build. */
  async function warn(build: Pod, { skipped }: Images, signal: AbortSignal): Promise<void> {
    const object = formatKey(keyOf(build));
    const notes: string[] = [];
    if (namesForeignDockerHost(build, options)) {
      notes.push(
        `The docker host in its annotation ${ANNOTATIONS.dockerHost} is not in BUILD_SCANNER_DOCKER_HOSTS.`,
      );
    }
    if (skipped.size > 0) {
      const names = [...skipped].slice(0, MAX_NAMED).join(", ");
      notes.push(`Not all images are scanned; some are no references, or there are too many: ${names}.`);
    }
    if (notes.length === 0 || warned.get(object) === build.metadata.uid) return;
    warned.set(object, build.metadata.uid);
    log.warn("Build not scanned as it asks", { object, reasons: notes });
    const about = { resource: RESOURCES.pods, object: build };
    await events.warn(about, "InsightsScanIncomplete", notes.join(" "), { signal });
  }

  /** Counts a failure, and reports it in an Event if someone can fix it. Returns the error to throw, which is then logged. */
  async function report(build: Pod, cause: unknown, signal: AbortSignal): Promise<unknown> {
    const object = formatKey(keyOf(build));
    const code = refusalOf(cause);
    metrics.countScan("failed", code ?? (cause instanceof AppError ? cause.code : "unknown"));
    if (!code) return cause;
    const text = `Cannot scan the images of build ${object}: ${HELP[code]}`;
    if (reported.get(object) !== code) {
      reported.set(object, code);
      const note = `${text} (${(cause as Error).message})`;
      await events.warn({ resource: RESOURCES.pods, object: build }, "InsightsScanFailed", note, { signal });
    }
    // An invalid pod stays invalid until the build or the program's options change.
    return new (code === "invalid" ? TerminalError : AppError)(code, text, { cause });
  }

  const builds = createReflector({
    ...parts,
    client: kube,
    resource: RESOURCES.pods,
    labelSelector: BUILD_POD_SELECTOR,
    fieldSelector: FINISHED_SELECTOR,
    handler: {
      onObject: (object) => queue.add(keyOf(object)),
      onGone(key) {
        queue.forget(key);
        reported.delete(formatKey(key));
        warned.delete(formatKey(key));
      },
    },
  });
  // One worker, because builds of a namespace replace each other's scanner.
  return { name: "build", queue, reflectors: { "builds-watch": builds }, reconcile, concurrency: 1 };
}

/** Whether an image has a digest, or a tag other than `latest`, which is also the tag of an image without one. */
function hasFixedVersion(image: string): boolean {
  const name = image.slice(image.lastIndexOf("/") + 1);
  return /[:@]/.test(name) && !name.endsWith(":latest");
}

/** The selectors again, for the current state. */
function isWaiting({ metadata: { labels = {} }, status }: Pod): boolean {
  return LABELS.buildName in labels && !(LABELS.scanned in labels) && !(LABELS.scanStatus in labels) &&
    status?.phase === "Succeeded";
}

/** What to do about a refusal, by its code. */
const HELP = {
  "quota":
    "its namespace's quota leaves no room for the scanner's pod: raise it, or delete pods. The scan is retried",
  "forbidden": "the cluster forbids what a scan needs: have its operators grant the rights of " +
    "manifests/components/build_scanner, or admit the scanner's pod. The scan is retried",
  "invalid": "the API server refuses its scanner's pod as invalid: have the cluster's operators check " +
    "BUILD_SCANNER_IMAGE and BUILD_SCANNER_EXTRA_ENV_VARS",
  "name-taken": "a pod that is no scanner has its scanner's name: delete that pod. The scan is retried",
} as const;

/** Why a scan was refused, if someone can fix it. */
function refusalOf(error: unknown): keyof typeof HELP | undefined {
  if (isOverQuota(error)) return "quota";
  if (isForbidden(error)) return "forbidden";
  if (isInvalid(error)) return "invalid";
  return error instanceof AppError && error.code === "name-taken" ? "name-taken" : undefined;
}
