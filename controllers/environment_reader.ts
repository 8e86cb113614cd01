/**
 * Reads which environment a namespace belongs to. A build creates several ConfigMaps in one namespace at once, and its labels
 * almost never change, so each answer is used for some seconds.
 *
 * @module
 */
import { RESOURCES } from "../lib/kube/objects.ts";
import { type EnvironmentNames, LABELS } from "../lib/lagoon.ts";
import type { Parts } from "./parts.ts";

/**
 * Reads a namespace's labels, or reuses a recent answer. Without Lagoon's labels it is `undefined`, which is never reused.
 *
 * @throws {KubeError} If the API server refuses, or the namespace does not exist.
 */
export type ReadEnvironment = (
  namespace: string,
  signal: AbortSignal,
) => Promise<EnvironmentNames | undefined>;

/** Shorter than it takes to relabel a namespace and build in it. */
const MAX_AGE_MS = 10_000;

/** Makes a reader with an empty cache. */
export function createEnvironmentReader({ kube, clock }: Pick<Parts, "kube" | "clock">): ReadEnvironment {
  /** By namespace, the oldest first. */
  const readings = new Map<
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

  return async (namespace, signal) => {
    const now = clock.monotonic();
    for (const [name, { readAt }] of readings) {
      if (now - readAt < MAX_AGE_MS) break;
      readings.delete(name);
    }
    // Kept before the answer arrives, so that concurrent ConfigMaps share one request.
    const reading = readings.get(namespace) ?? { names: read(namespace, signal), readAt: now };
    readings.set(namespace, reading);
    const names = await reading.names.catch(() => undefined);
    if (!names && readings.get(namespace) === reading) readings.delete(namespace);
    return await reading.names;
  };
}
