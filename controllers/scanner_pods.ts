/**
 * The scanner pods of a namespace, and what there is to scan: what the build scanner asks of the API server, and in which
 * order, so that no build ever gets two scanners.
 *
 * @module
 */
import { AppError } from "../lib/errors.ts";
import type { KubeClient, ListOptions } from "../lib/kube/client.ts";
import { isConflict, isNotFound } from "../lib/kube/errors.ts";
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
import { isScannerOf, isScannerOfLater, SCANNER_LABELS, scanPod, type ScanPodOptions } from "./scan_pod.ts";

/** What is asked of the API server. */
export type ScannerRequests = Pick<KubeClient, "getMetadata" | "list" | "create" | "delete">;

/** What a scanner is made for. */
export interface ScanRequest {
  /** What it is to scan. */
  readonly images: readonly string[];
  /** The operator's choices. */
  readonly options: ScanPodOptions;
  /** Ends the requests. */
  readonly signal: AbortSignal;
}

/** Objects in a page; a namespace seldom has more Deployments. */
const PAGE_SIZE = 100;

const SCANNER_SELECTOR = Object.entries(SCANNER_LABELS).map(([name, value]) => `${name}=${value}`).join(",");

/** The images of all containers of all Deployments, but not of init containers, in the order of the names. */
export async function readImages(
  kube: Pick<KubeClient, "list">,
  namespace: string,
  signal: AbortSignal,
): Promise<string[]> {
  const deployments = await listAll(kube, RESOURCES.deployments, { namespace, whole: true, signal });
  return deployments.flatMap((deployment) =>
    (deployment as Deployment).spec.template.spec.containers.flatMap(({ image }) => image ? [image] : [])
  );
}

/**
 * Sees to it that a build has its one scanner, and that no scanner of another build is left beside a new one; but the
 * scanner of a build that finished later stays, and is that of both.
 *
 * @returns `found` when it was there already: then only the label was missing, since a run before ended too early.
 * `superseded` when a later build's was there.
 * @throws {AppError} Code `name-taken` when the name of its scanner belongs to another pod.
 * @throws {KubeError} A conflict when things changed meanwhile, or an earlier pod of that name is still ending.
 */
export async function ensureScanner(
  kube: ScannerRequests,
  build: Pod,
  { images, options, signal }: ScanRequest,
): Promise<"created" | "found" | "superseded"> {
  const { namespace } = build.metadata;
  const scanners = await listAll(kube, RESOURCES.pods, {
    namespace,
    labelSelector: SCANNER_SELECTOR,
    signal,
  });
  if (scanners.some((scanner) => isScannerOf(scanner, build))) return "found";
  // One that is ending scans nothing any more.
  const isLater = (scanner: PartialObject) =>
    !scanner.metadata.deletionTimestamp && isScannerOfLater(scanner, build);
  if (scanners.some(isLater)) return "superseded";
  for (const scanner of scanners) await remove(kube, scanner, signal);
  const pod = scanPod(build, images, options);
  const key = { namespace, name: pod.metadata.name };
  try {
    await kube.create(RESOURCES.pods, key, pod, { signal });
    return "created";
  } catch (error) {
    if (!isConflict(error)) throw error;
    if (await holdsName(kube, key, build, signal)) return "found";
    throw error;
  }
}

async function remove(kube: ScannerRequests, scanner: PartialObject, signal: AbortSignal): Promise<void> {
  // Whoever deleted it already, it ends by itself.
  if (scanner.metadata.deletionTimestamp) return;
  try {
    // Whatever its status is meanwhile, which the kubelet writes; but not another pod of its name.
    await kube.delete(RESOURCES.pods, keyOf(scanner), { uid: scanner.metadata.uid }, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** Whether the pod of that name is the build's scanner, though it was not found by its labels. */
async function holdsName(
  kube: ScannerRequests,
  key: ObjectKey,
  build: Pod,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await kube.getMetadata(RESOURCES.pods, key, { signal }).catch((error) => {
    if (!isNotFound(error)) throw error;
  });
  if (!found) return false;
  if (isScannerOf(found, build)) return true;
  const { labels = {}, deletionTimestamp } = found.metadata;
  const isScanner = Object.entries(SCANNER_LABELS).every(([name, value]) => labels[name] === value);
  // One that ends frees the name, and a scanner that came only now is replaced by the next try.
  if (isScanner || deletionTimestamp) return false;
  throw new AppError("name-taken", `Cannot create pod ${formatKey(key)} as another pod has that name`);
}

async function listAll(
  kube: Pick<KubeClient, "list">,
  resource: Resource<PartialObject>,
  options: Omit<ListOptions, "limit" | "continueToken"> & { readonly namespace: string },
): Promise<PartialObject[]> {
  const items: PartialObject[] = [];
  let continueToken: string | undefined;
  do {
    const page = await kube.list(resource, { ...options, limit: PAGE_SIZE, continueToken });
    items.push(...page.items);
    continueToken = page.continueToken;
  } while (continueToken !== undefined);
  return items;
}
