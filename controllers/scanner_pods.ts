/**
 * Requests of the build scanner, in an order that never gives a build two scanners.
 *
 * @module
 */
import { AppError } from "../lib/errors.ts";
import type { KubeClient, ListOptions, ListPage } from "../lib/kube/client.ts";
import { isConflict, unlessNotFound } from "../lib/kube/errors.ts";
import {
  type Deployment,
  formatKey,
  keyOf,
  type ObjectKey,
  type PartialObject,
  type Pod,
  type Resource,
  RESOURCES,
} from "../lib/kube/objects.ts";
import { isScannerOf, isScannerOfLater, SCANNER_LABELS, type ScanPod } from "./scan_pod.ts";

const PAGE_SIZE = 100;

const SCANNER_SELECTOR = Object.entries(SCANNER_LABELS).map(([name, value]) => `${name}=${value}`).join(",");

/**
 * A reference to an image, without what Kubernetes or the scanner would read as something else: Kubernetes accepts any text in a
 * Deployment.
 */
const IMAGE = /^\w[\w.-]*(?::\d+)?(?:\/[\w.-]+)*(?::[\w.-]+)?(?:@\w+:[0-9a-f]+)?$/i;

/** Longest list of images, in characters: a process can't be started with a variable of more than 128 KiB. */
const MAX_IMAGES_CHARACTERS = 100_000;

/** The images of a namespace. */
export interface Images {
  readonly images: readonly string[];
  /** Deployments with an image that can't be scanned. */
  readonly skipped: ReadonlySet<string>;
}

/** Lists the images of all containers of all Deployments, without init containers, ordered by the Deployments' names. */
export async function readImages(kube: KubeClient, namespace: string, signal: AbortSignal): Promise<Images> {
  const images: string[] = [];
  const skipped = new Set<string>();
  let characters = 0;
  await listAll(kube, RESOURCES.deployments, {
    namespace,
    whole: true,
    onObject: (object) => {
      for (const { image } of (object as Deployment).spec.template.spec.containers) {
        if (!image) continue;
        const isScanned = IMAGE.test(image) && characters + image.length < MAX_IMAGES_CHARACTERS;
        if (!isScanned) {
          skipped.add(object.metadata.name);
          continue;
        }
        images.push(image);
        characters += image.length + 1;
      }
    },
    signal,
  });
  return { images, skipped };
}

/**
 * Creates the scanner pod of a build, and deletes those of other builds first. The scanner of a build that finished later
 * stays, and scans for both.
 *
 * @returns `found` if the pod existed already: an earlier run ended before it wrote the label. `superseded` if a later build's
 * exists.
 * @throws {AppError} Code `name-taken` if a pod that is no scanner has the name.
 * @throws {KubeError} A conflict if things changed meanwhile, or an earlier pod of that name is still terminating.
 */
export async function ensureScanner(
  kube: KubeClient,
  build: Pod,
  pod: ScanPod,
  signal: AbortSignal,
): Promise<"created" | "found" | "superseded"> {
  const { namespace, name } = pod.metadata;
  const scanners: PartialObject[] = [];
  await listAll(kube, RESOURCES.pods, {
    namespace,
    labelSelector: SCANNER_SELECTOR,
    onObject: (scanner) => scanners.push(scanner),
    signal,
  });
  if (scanners.some((scanner) => isScannerOf(scanner, build))) return "found";
  // One that is terminating does not scan any more.
  const live = scanners.filter(({ metadata }) => !metadata.deletionTimestamp);
  if (live.some((scanner) => isScannerOfLater(scanner, build))) return "superseded";
  for (const scanner of live) {
    // Without the version, because the kubelet writes the status meanwhile; with the uid, to spare another pod of that name.
    const { uid } = scanner.metadata;
    await unlessNotFound(kube.delete(RESOURCES.pods, keyOf(scanner), { uid }, { signal }));
  }
  try {
    await kube.create(RESOURCES.pods, { namespace, name }, pod, { signal });
    return "created";
  } catch (error) {
    if (!isConflict(error)) throw error;
    if (await holdsName(kube, { namespace, name }, build, signal)) return "found";
    throw error;
  }
}

/** Whether the pod of that name is the build's scanner, without the labels of one. */
async function holdsName(
  kube: KubeClient,
  key: ObjectKey,
  build: Pod,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await unlessNotFound(kube.getMetadata(RESOURCES.pods, key, { signal }));
  if (!found) return false;
  if (isScannerOf(found, build)) return true;
  const { labels = {}, deletionTimestamp } = found.metadata;
  const isScanner = Object.entries(SCANNER_LABELS).every(([name, value]) => labels[name] === value);
  // A terminating pod frees the name, and the next attempt replaces another scanner.
  if (isScanner || deletionTimestamp) return false;
  throw new AppError("name-taken", `Cannot create pod ${formatKey(key)} because another pod has that name`);
}

async function listAll(
  kube: KubeClient,
  resource: Resource<PartialObject>,
  options: Omit<ListOptions, "limit" | "continueToken" | "onTooLarge"> & { readonly namespace: string },
): Promise<void> {
  let page: ListPage | undefined;
  do {
    page = await kube.list(resource, {
      ...options,
      limit: PAGE_SIZE,
      continueToken: page?.continueToken,
      // One that is too large is not scanned, or replaced.
      onTooLarge: () => {},
    });
  } while (page.continueToken !== undefined);
}
