/**
 * Ships insights ConfigMaps to Lagoon core: sends each once, marks or burns it after the broker's confirm, defers it without one,
 * and refuses what would stop Lagoon core's consumer.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { AppError, TerminalError, UnavailableError } from "../lib/errors.ts";
import { configMapMessage, type Findings } from "../lib/insights/configmap_message.ts";
import { encodeMessage } from "../lib/insights/messages.ts";
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
import { type EnvironmentNames, LABELS } from "../lib/lagoon.ts";
import { configMapState, type DestinationScope, isDone } from "./destination.ts";
import { createEnvironmentReader } from "./environment_reader.ts";
import { createOutcomes, type OutcomeOptions } from "./outcomes.ts";
import type { Parts } from "./parts.ts";

/**
 * How long a worker waits for the broker before it defers the ConfigMap. Each deferral makes the API server store the whole
 * ConfigMap again, so this also limits the writes of an outage to one per worker in this time.
 */
const BROKER_WAIT_MS = 5_000;

/** Makes the reconcile function for Lagoon core, which is the destination of `scope`. */
export function createConfigMapReconcile(
  parts: Pick<Parts, "kube" | "publisher" | "events" | "clock" | "metrics" | "log">,
  scope: DestinationScope,
  options: OutcomeOptions,
): Reconcile {
  const { kube, publisher, events, clock, metrics } = parts;
  const outcomes = createOutcomes({ ...parts, count: metrics.countConfigMap }, scope, REPORTING, options);
  /** Ids of messages that are confirmed but not yet marked, by object: they are not sent again. */
  const confirmed = new Map<string, string>();
  const readEnvironment = createEnvironmentReader(parts);

  async function reconcile(key: ObjectKey, { signal }: { signal: AbortSignal }): Promise<Result> {
    try {
      const unavailable = await publisher.waitUntilReady({ timeoutMs: BROKER_WAIT_MS, signal });
      if (unavailable) {
        const object = await kube.getMetadata(RESOURCES.configMaps, key, { signal });
        return await whenDue(object, signal, () => outcomes.defer(object, unavailable, signal));
      }
      const [configMap, environment] = await Promise.all([
        kube.get(RESOURCES.configMaps, key, { signal }),
        readEnvironment(key.namespace, signal),
      ]);
      return await whenDue(configMap, signal, () => ship(configMap, environment, signal));
    } catch (error) {
      if (error instanceof ObjectTooLargeError) return await refuseUnread(key, error, signal);
      if (!isNotFound(error)) throw error;
      confirmed.delete(formatKey(key));
      return {};
    }
  }

  /** Refuses a ConfigMap that is too large to be read. */
  async function refuseUnread(key: ObjectKey, error: TerminalError, signal: AbortSignal): Promise<Result> {
    const object = await kube.getMetadata(RESOURCES.configMaps, key, { signal });
    return await whenDue(object, signal, async () => {
      await outcomes.refuse(object, error, signal);
      return {};
    });
  }

  /** Calls `send` if the ConfigMap is due, and finishes one that needs no sending. */
  async function whenDue(
    object: PartialObject,
    signal: AbortSignal,
    send: () => Promise<Result>,
  ): Promise<Result> {
    const state = configMapState(object, scope.destination, clock.now());
    // The mark may have been written although the answer was lost. A rebuild with the same content is a new message.
    if (state.kind !== "pending" && state.kind !== "deferred") confirmed.delete(formatKey(keyOf(object)));
    switch (state.kind) {
      case "pending":
        return await send();
      case "deferred":
        if (!options.deferredEnabled) return {};
        return state.leftMs > 0 ? { requeueAfterMs: state.leftMs } : await send();
      case "processed":
        if (options.burnAfterReading) await outcomes.burn(object, signal);
        return {};
      case "done":
        // Left by the Go remote, or from before another destination was turned off: no one else marks it as processed.
        if (scope.all.every((destination) => isDone(object, destination))) {
          await outcomes.done(object, "success", signal);
        }
        return {};
      default:
        return {};
    }
  }

  async function ship(
    configMap: ConfigMap,
    environment: EnvironmentNames | undefined,
    signal: AbortSignal,
  ): Promise<Result> {
    const key = formatKey(keyOf(configMap));
    try {
      if (!environment) return await outcomes.defer(configMap, NO_ENVIRONMENT, signal);
      const id = messageId(configMap);
      if (confirmed.get(key) !== id) {
        const { message, findings } = await configMapMessage({ configMap, environment });
        await publisher.publish({ id, type: message.type, body: encodeMessage(message) }, { signal });
        confirmed.set(key, id);
        await report(configMap, findings, signal);
      }
    } catch (error) {
      if (error instanceof UnavailableError) return await outcomes.defer(configMap, error, signal);
      if (!(error instanceof TerminalError)) throw error;
      await outcomes.refuse(configMap, error, signal);
      return {};
    }
    await outcomes.done(configMap, "success", signal);
    confirmed.delete(key);
    return {};
  }

  /** Tells the site's developer in one Event, and the operator by kind. */
  async function report(object: ConfigMap, { repairs, warnings }: Findings, signal: AbortSignal) {
    for (const code of repairs) metrics.countFinding("repair", code);
    for (const { code } of warnings) metrics.countFinding("warning", code);
    if (warnings.length === 0) return;
    const note = warnings.map(({ message }) => message).join(" ");
    await events.warn({ resource: RESOURCES.configMaps, object }, WARNING_REASON, note, { signal });
  }

  return reconcile;
}

/** Reason of the Event about a ConfigMap that was sent, but not as it is, or in vain. */
const WARNING_REASON = "InsightsWarning";

const REPORTING = { refusedReason: "InsightsRefused", remembersRefusals: false, showsCauses: false };

const NO_ENVIRONMENT = new AppError(
  "namespace-unlabelled",
  `the namespace has no labels ${LABELS.project} and ${LABELS.environment}`,
);

/** An id that stays the same when the data of one build and object is sent again. */
function messageId({ metadata, data = {}, binaryData = {} }: ConfigMap): string {
  const hash = createHash("sha256");
  // The lengths separate the pieces; joining them would copy a megabyte.
  const pieces = [
    metadata.uid,
    metadata.labels?.[LABELS.buildName] ?? "",
    ...Object.entries(data).flat(),
    "",
    ...Object.entries(binaryData).flat(),
  ];
  for (const piece of pieces) hash.update(`${piece.length}:`).update(piece);
  return hash.digest("hex");
}
