/**
 * Ships insights ConfigMaps to Lagoon core: sends each once, marks or burns it after the broker's confirm, defers
 * it when there is none, and refuses what would stop the consumer.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Publisher } from "../lib/broker/publisher.ts";
import { ByteBudget } from "../lib/byte_budget.ts";
import type { Clock } from "../lib/clock.ts";
import { AppError, TerminalError, UnavailableError } from "../lib/errors.ts";
import { configMapMessage } from "../lib/insights/configmap_message.ts";
import { encodeMessage } from "../lib/insights/messages.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import type { Reconcile, Result } from "../lib/kube/controller.ts";
import { isNotFound } from "../lib/kube/errors.ts";
import type { EventRecorder } from "../lib/kube/events.ts";
import {
  type ConfigMap,
  formatKey,
  keyOf,
  LARGEST_CONFIG_MAP,
  type ObjectKey,
  type PartialObject,
  RESOURCES,
} from "../lib/kube/objects.ts";
import { LABELS } from "../lib/lagoon.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Place } from "./configmap_marks.ts";
import { configMapState, deferralLeft } from "./configmap_state.ts";
import { isDone } from "./destination.ts";
import { createEnvironmentReader, type EnvironmentNames } from "./environment_reader.ts";
import { createOutcomes, type OutcomeOptions } from "./outcomes.ts";

/** What the operator can choose. */
export interface ConfigMapOptions extends OutcomeOptions {
  /** Wait after a failure, in milliseconds. */
  readonly retryDelayMs: number;
  /** Payloads in memory at the same time, in bytes. */
  readonly maxBytesInFlight: number;
}

/** What the controller works with. */
export interface ConfigMapDependencies {
  /** The API server. */
  readonly kube: Pick<KubeClient, "get" | "getMetadata" | "apply" | "patch" | "delete">;
  /** Lagoon core. */
  readonly publisher: Publisher;
  /** Tells a site's developers what is wrong with a ConfigMap. */
  readonly events: EventRecorder;
  /** Tells when a deferral is over. */
  readonly clock: Clock;
  /** Counts outcomes. */
  readonly metrics: Pick<Metrics, "countConfigMap">;
  /** Where each outcome is told. */
  readonly log: Logger;
}

/**
 * How long a ConfigMap waits for a broker that is away before it is deferred. Each deferral makes the API server
 * store the whole ConfigMap again, so this also bounds the writes of an outage to one in this time for each worker.
 */
const BROKER_WAIT_MS = 5_000;

/** All that a message is made of. */
interface Shipment {
  readonly configMap: ConfigMap;
  /** The environment of its namespace; undefined when the namespace doesn't tell. */
  readonly environment: EnvironmentNames | undefined;
}

/**
 * Makes the reconcile function of the ConfigMap controller.
 *
 * @param place Lagoon core among the destinations.
 */
export function createConfigMapReconcile(
  dependencies: ConfigMapDependencies,
  place: Place,
  options: ConfigMapOptions,
): Reconcile {
  const { kube, publisher, clock, metrics } = dependencies;
  const outcomes = createOutcomes({ ...dependencies, count: metrics.countConfigMap }, place, WORDS, options);
  /** Messages that were confirmed and are not marked yet, by object: they are not sent again. */
  const confirmed = new Map<string, string>();
  const budget = new ByteBudget(options.maxBytesInFlight);
  const readEnvironment = createEnvironmentReader(kube, clock);

  async function reconcile(key: ObjectKey, { signal }: { signal: AbortSignal }): Promise<Result> {
    try {
      const canSend = await publisher.waitUntilReady({ timeoutMs: BROKER_WAIT_MS, signal });
      // Without a broker nothing is sent, so the payload isn't needed.
      if (!canSend) {
        return await settle(await kube.getMetadata(RESOURCES.configMaps, key, { signal }), signal);
      }
      // How large it is shows only when it is there.
      using reservation = await budget.reserve(LARGEST_CONFIG_MAP, { signal });
      // At the same time, since nearly everything in line is sent, and two answers one after the other take twice as long.
      const [configMap, environment] = await Promise.all([
        kube.get(RESOURCES.configMaps, key, { signal }),
        readEnvironment(key.namespace, { signal }),
      ]);
      reservation.shrink(payloadBytes(configMap));
      return await settle(configMap, signal, { configMap, environment });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      confirmed.delete(formatKey(key));
      return {};
    }
  }

  async function settle(object: PartialObject, signal: AbortSignal, shipment?: Shipment): Promise<Result> {
    const state = configMapState(object, place.destination);
    // Its mark may have been written though the answer was lost; a rebuild with the same content is a new one.
    if (state.kind !== "pending" && state.kind !== "deferred") confirmed.delete(formatKey(keyOf(object)));
    switch (state.kind) {
      case "deferred": {
        const leftMs = deferralLeft(state.untilMs, clock.now());
        if (!options.deferredEnabled) return {};
        if (leftMs > 0) return { requeueAfterMs: leftMs };
        break;
      }
      case "processed":
        if (options.burnAfterReading) await outcomes.burn(object, { signal });
        return {};
      case "done":
        // By the Go remote, or before another destination was turned off: nobody else is going to mark it.
        if (place.all.every((destination) => isDone(object, destination))) {
          await outcomes.done(object, "success", { signal });
        }
        return {};
      case "pending":
        break;
      default:
        return {};
    }
    if (shipment) return await ship(shipment, signal);
    return await outcomes.defer(object, NO_BROKER, options.retryDelayMs, { signal });
  }

  async function ship({ configMap, environment }: Shipment, signal: AbortSignal): Promise<Result> {
    const key = formatKey(keyOf(configMap));
    const defer = (reason: AppError) => outcomes.defer(configMap, reason, options.retryDelayMs, { signal });
    try {
      if (!environment) return await defer(NO_ENVIRONMENT);
      const body = encodeMessage(configMapMessage({ configMap, environment }));
      const id = messageId(configMap);
      if (confirmed.get(key) !== id) await publisher.publish({ id, body }, { signal });
      confirmed.set(key, id);
    } catch (error) {
      if (error instanceof TerminalError) return await outcomes.refuse(configMap, error, { signal });
      if (error instanceof UnavailableError) return await defer(error);
      throw error;
    }
    await outcomes.done(configMap, "success", { signal });
    confirmed.delete(key);
    return {};
  }

  return reconcile;
}

const WORDS = { refusedReason: "InsightsRefused", remembersRefusals: false };

const NO_BROKER = new UnavailableError("broker-not-ready", "the broker is not reachable");
const NO_ENVIRONMENT = new AppError(
  "namespace-unlabelled",
  `the namespace has no labels ${LABELS.project} and ${LABELS.environment}`,
);

function payloadBytes({ data = {}, binaryData = {} }: ConfigMap): number {
  return [...Object.values(data), ...Object.values(binaryData)].reduce((sum, value) => sum + value.length, 0);
}

/** An id that stays the same while the same build's data of the same object is sent again. */
function messageId({ metadata, data = {}, binaryData = {} }: ConfigMap): string {
  const hash = createHash("sha256");
  // Piece by piece, since the payload may be a megabyte; lengths keep the pieces apart.
  const pieces = [
    metadata.uid,
    metadata.labels?.[LABELS.buildName] ?? "",
    ...entries(data),
    "",
    ...entries(binaryData),
  ];
  for (const piece of pieces) hash.update(`${piece.length}:`).update(piece);
  return hash.digest("hex");
}

function entries(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flat();
}
