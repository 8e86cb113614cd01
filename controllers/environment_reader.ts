/**
 * Reads which environment a namespace belongs to. A build creates several ConfigMaps in one namespace at once, and its labels
 * almost never change, so each answer is used for some seconds.
 *
 * @module
 */
import type { Clock } from "../lib/clock.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import { RESOURCES } from "../lib/kube/objects.ts";
import { type Environment, LABELS } from "../lib/lagoon.ts";

/** The names of an environment that a message carries. */
export type EnvironmentNames = Pick<Environment, "projectName" | "environmentName">;

/**
 * Reads a namespace's labels, or reuses a recent answer.
 *
 * @returns `undefined` without Lagoon's labels. That answer is never reused.
 * @throws {KubeError} If the API server refuses, or the namespace does not exist.
 */
export type ReadEnvironment = (
  namespace: string,
  options: { readonly signal: AbortSignal },
) => Promise<EnvironmentNames | undefined>;

/** Shorter than it takes to relabel a namespace and build in it. */
const MAX_AGE_MS = 10_000;
/** More namespaces than are built in at the same time; about 100 kB. */
const MAX_ENTRIES = 500;

/** Makes a reader with an empty cache. */
export function createEnvironmentReader(
  kube: Pick<KubeClient, "getMetadata">,
  clock: Pick<Clock, "monotonic">,
): ReadEnvironment {
  const cache = new Map<
    string,
    { readonly names: ReturnType<ReadEnvironment>; readonly readAt: number }
  >();

  async function read(namespace: string, signal: AbortSignal): ReturnType<ReadEnvironment> {
    const key = { namespace: "", name: namespace };
    const { labels = {} } = (await kube.getMetadata(RESOURCES.namespaces, key, { signal })).metadata;
    const projectName = labels[LABELS.project];
    const environmentName = labels[LABELS.environment];
    return projectName && environmentName ? { projectName, environmentName } : undefined;
  }

  return async (namespace, { signal }) => {
    const known = cache.get(namespace);
    if (known && clock.monotonic() - known.readAt < MAX_AGE_MS) return await known.names;
    cache.delete(namespace);
    const reading = { names: read(namespace, signal), readAt: clock.monotonic() };
    // Before the answer arrives, so that concurrent ConfigMaps share one request.
    cache.set(namespace, reading);
    const [oldest] = cache.keys();
    if (cache.size > MAX_ENTRIES && oldest !== undefined) cache.delete(oldest);
    const names = await reading.names.catch(() => undefined);
    if (!names && cache.get(namespace) === reading) cache.delete(namespace);
    return await reading.names;
  };
}
