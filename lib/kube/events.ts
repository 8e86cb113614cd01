/**
 * Kubernetes Events: how the program tells the developers of a site what is wrong with one of their objects.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { describeError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { KubeClient } from "./client.ts";
import { isForbidden, isNamespaceTerminating } from "./errors.ts";
import { formatKey, keyOf, type PartialObject, type Resource, RESOURCES } from "./objects.ts";

/** Writes Events. */
export interface EventRecorder {
  /**
   * Writes a Warning about an object, in its namespace. Best effort: a failure is logged and not thrown.
   *
   * @param reason One word in CamelCase.
   * @param note What is wrong and what to do, for the site's developer; cut to 1,024 characters.
   */
  warn(about: Subject, reason: string, note: string, options: { signal: AbortSignal }): Promise<void>;
}

/** What an Event is about. */
export interface Subject {
  /** Its kind. */
  readonly resource: Resource<PartialObject>;
  /** Its metadata. */
  readonly object: PartialObject;
}

/** So many Events at once, and then one in each interval: a cluster of bad ConfigMaps must not flood etcd. */
const BURST = 25;
const INTERVAL_MS = 10_000;
/** Longest note that the API server takes. */
const LONGEST_NOTE = 1024;

/**
 * Makes a recorder. Once RBAC has forbidden an Event, one line says so, and no other is tried. Events beyond a rate are
 * left out; what they say stands in the log and on the object, too.
 */
export function createEventRecorder(
  { client, clock, log }: { client: Pick<KubeClient, "create">; clock: Clock; log: Logger },
): EventRecorder {
  let forbidden = false;
  /** Events that may be written now, as of a time; grows by one in each interval. */
  const allowance = { count: BURST, at: clock.now() };

  function takeAllowance(): boolean {
    const intervals = Math.floor((clock.now() - allowance.at) / INTERVAL_MS);
    allowance.count = Math.min(BURST, allowance.count + intervals);
    allowance.at += intervals * INTERVAL_MS;
    if (allowance.count === 0) return false;
    allowance.count--;
    return true;
  }

  async function warn(
    { resource, object }: Subject,
    reason: string,
    note: string,
    { signal }: { signal: AbortSignal },
  ): Promise<void> {
    if (forbidden || !takeAllowance()) return;
    const { namespace, name } = keyOf(object);
    const time = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
    const event = {
      metadata: { generateName: `${name}.` },
      involvedObject: {
        apiVersion: resource.apiVersion,
        kind: resource.kind,
        namespace,
        name,
        uid: object.metadata.uid,
        resourceVersion: object.metadata.resourceVersion,
      },
      type: "Warning",
      reason,
      message: note.slice(0, LONGEST_NOTE),
      source: { component: "insights-remote" },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    };
    try {
      await client.create(RESOURCES.events, { namespace, name: "" }, event, { signal });
    } catch (error) {
      // Several may have been on their way when the first one was forbidden.
      if (signal.aborted || forbidden) return;
      forbidden = isForbidden(error) && !isNamespaceTerminating(error);
      log.warn(forbidden ? "Events are forbidden and left out from now on" : "Event not written", {
        object: formatKey({ namespace, name }),
        reason,
        error: describeError(error),
      });
    }
  }

  return { warn };
}
