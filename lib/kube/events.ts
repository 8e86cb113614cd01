/**
 * Kubernetes Events tell a site's developers what is wrong with one of their objects.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { describeError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { KubeClient } from "./client.ts";
import { lacksPermission } from "./errors.ts";
import { formatKey, keyOf, type PartialObject, type Resource, RESOURCES } from "./objects.ts";
import { createRateLimits } from "./rate_limit.ts";

/** Writes Events. */
export interface EventRecorder {
  /**
   * Writes a Warning about an object, in its namespace. Best effort: a failure is logged and not thrown.
   *
   * @param reason One word in CamelCase.
   * @param note What is wrong and what to do, for the site's developer; cut to 1,024 characters.
   */
  warn(
    about: { readonly resource: Resource; readonly object: PartialObject },
    reason: string,
    note: string,
    options: { signal: AbortSignal },
  ): Promise<void>;
}

/** Of each namespace: many bad ConfigMaps must not flood etcd, nor use up the Events of others. */
const RATE_LIMIT = { burst: 25, intervalMs: 10_000 };
/** The API server's limit. */
const MAX_NOTE_CHARACTERS = 1024;

/**
 * Makes a recorder. Once RBAC has forbidden an Event, it logs that and writes no more. It drops Events beyond a rate:
 * what they say is also in the log and on the object.
 */
export function createEventRecorder(
  { client, clock, log }: { client: Pick<KubeClient, "create">; clock: Clock; log: Logger },
): EventRecorder {
  const isWithinRate = createRateLimits({ clock, ...RATE_LIMIT });
  let forbidden = false;
  return {
    async warn({ resource, object }, reason, note, { signal }) {
      const { namespace, name } = keyOf(object);
      if (forbidden || !isWithinRate(namespace)) return;
      const { uid, resourceVersion } = object.metadata;
      const { apiVersion, kind } = resource;
      const time = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
      const event = {
        metadata: { generateName: `${name}.` },
        involvedObject: { apiVersion, kind, namespace, name, uid, resourceVersion },
        type: "Warning",
        reason,
        message: note.slice(0, MAX_NOTE_CHARACTERS),
        source: { component: "insights-remote" },
        firstTimestamp: time,
        lastTimestamp: time,
        count: 1,
      };
      try {
        await client.create(RESOURCES.events, { namespace, name: "" }, event, { signal });
      } catch (error) {
        // Another Event in flight may have been forbidden first.
        if (signal.aborted || forbidden) return;
        forbidden = lacksPermission(error);
        log.warn(forbidden ? "Events are forbidden: no more are written" : "Event not written", {
          object: formatKey({ namespace, name }),
          reason,
          error: describeError(error),
        });
      }
    },
  };
}
