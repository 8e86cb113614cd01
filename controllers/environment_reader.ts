/**
 * Tells which environment a namespace is. A build leaves several ConfigMaps in one namespace at once, and its labels change as
 * good as never: what was read counts for some seconds, so that each of them costs the API server one request less.
 *
 * @module
 */
import type { Clock } from "../lib/clock.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import { RESOURCES } from "../lib/kube/objects.ts";
import { type Environment, LABELS } from "../lib/lagoon.ts";

/** What a message says of its environment. */
export type EnvironmentNames = Pick<Environment, "projectName" | "environmentName">;

/**
 * Reads a namespace's labels, unless that was done a moment ago.
 *
 * @returns `undefined` when they don't tell; that is asked anew each time.
 * @throws {KubeError} When the API server refuses, or there is no such namespace.
 */
export type ReadEnvironment = (
  namespace: string,
  options: { readonly signal: AbortSignal },
) => Promise<EnvironmentNames | undefined>;

/** Shorter than anybody needs to label a namespace anew and build in it. */
const REMEMBERED_MS = 10_000;
/** Namespaces that are remembered: more than are built in at the same time, and some 100 kB. */
const MOST_REMEMBERED = 500;

const isWithin = (ageMs: number) => ageMs >= 0 && ageMs < REMEMBERED_MS;

/** Makes a reader that remembers nothing yet. */
export function createEnvironmentReader(
  kube: Pick<KubeClient, "getMetadata">,
  clock: Pick<Clock, "now">,
): ReadEnvironment {
  const remembered = new Map<
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
    const known = remembered.get(namespace);
    // A clock that was set back makes it no younger.
    if (known && isWithin(clock.now() - known.readAt)) return await known.names;
    remembered.delete(namespace);
    const reading = { names: read(namespace, signal), readAt: clock.now() };
    // Already now, so that ConfigMaps that are worked on at the same time share it.
    remembered.set(namespace, reading);
    // Those that were read longest ago come first.
    for (const [oldest] of remembered) {
      if (remembered.size <= MOST_REMEMBERED) break;
      remembered.delete(oldest);
    }
    const names = await reading.names.catch(() => undefined);
    if (!names && remembered.get(namespace) === reading) remembered.delete(namespace);
    return await reading.names;
  };
}
