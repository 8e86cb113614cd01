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
import { AppError, describeError, TerminalError, UnavailableError } from "../lib/errors.ts";
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
  type ObjectKey,
  type PartialObject,
  RESOURCES,
} from "../lib/kube/objects.ts";
import type { ReflectorHandler } from "../lib/kube/reflector.ts";
import type { WorkQueue } from "../lib/kube/work_queue.ts";
import { ANNOTATIONS, type Environment, LABELS } from "../lib/lagoon.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import {
  deferredMarks,
  givenUpMarks,
  hasAnnotations,
  processedMarks,
  refusedMarks,
  writeMarks,
} from "./configmap_marks.ts";
import { configMapState, deferralLeft, retryCount } from "./configmap_state.ts";

/** What the operator can choose. */
export interface ConfigMapOptions {
  /** Delete a ConfigMap once it is processed. */
  readonly burnAfterReading: boolean;
  /** Send deferred ConfigMaps again when their time has come. */
  readonly deferredEnabled: boolean;
  /** How often sending may fail before a ConfigMap is given up; 0 for no limit. */
  readonly maxRetries: number;
  /** Wait after a failure, in milliseconds. */
  readonly retryDelayMs: number;
  /** Send only ConfigMaps whose annotation asks for it. */
  readonly coreOptIn: boolean;
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

/** Most that a ConfigMap's values can take in JSON: 1 MiB of data, and a third more for base64. */
const LARGEST_PAYLOAD = 1_400_000;

/** Sees ConfigMaps, and counts those that are not done. */
export interface ConfigMapHandler extends ReflectorHandler {
  /** How many there are in each state that waits for something. */
  counts(): Readonly<Record<"pending" | "deferred", number>>;
}

/** Puts ConfigMaps in line: pending ones now, deferred ones at their time, and processed ones to be burned. */
export function configMapHandler(
  queue: WorkQueue,
  clock: Clock,
  options: Pick<ConfigMapOptions, "burnAfterReading" | "deferredEnabled" | "coreOptIn">,
): ConfigMapHandler {
  const waiting = { pending: new Set<string>(), deferred: new Set<string>() };
  const forget = (key: ObjectKey) => {
    for (const keys of Object.values(waiting)) keys.delete(formatKey(key));
  };
  return {
    onObject(object) {
      const key = keyOf(object);
      const state = configMapState(object, options.coreOptIn);
      forget(key);
      if (state.kind === "pending" || state.kind === "deferred") waiting[state.kind].add(formatKey(key));
      if (state.kind === "pending") queue.add(key);
      if (state.kind === "processed" && options.burnAfterReading) queue.add(key);
      if (state.kind === "deferred" && options.deferredEnabled) {
        queue.addAfter(key, deferralLeft(state.untilMs, clock.now()));
      }
    },
    onGone(key) {
      forget(key);
      // A key that is still in line finds nothing to do when its turn comes.
      queue.forget(key);
    },
    counts: () => ({ pending: waiting.pending.size, deferred: waiting.deferred.size }),
  };
}

/** All that a message is made of. */
interface Shipment {
  readonly configMap: ConfigMap;
  /** The environment of its namespace; undefined when the namespace doesn't tell. */
  readonly environment: Pick<Environment, "projectName" | "environmentName"> | undefined;
}

/** Makes the reconcile function of the ConfigMap controller. */
export function createConfigMapReconcile(
  dependencies: ConfigMapDependencies,
  options: ConfigMapOptions,
): Reconcile {
  const { kube, publisher, events, clock, metrics, log } = dependencies;
  /** Messages that were confirmed and are not marked yet, by object: they are not sent again. */
  const confirmed = new Map<string, string>();
  const budget = new ByteBudget(options.maxBytesInFlight);

  async function reconcile(key: ObjectKey, { signal }: { signal: AbortSignal }): Promise<Result> {
    try {
      const canSend = await publisher.waitUntilReady({ timeoutMs: BROKER_WAIT_MS, signal });
      // Without a broker nothing is sent, so the payload isn't needed.
      if (!canSend) {
        return await settle(await kube.getMetadata(RESOURCES.configMaps, key, { signal }), signal);
      }
      // How large it is shows only when it is there.
      using reservation = await budget.reserve(LARGEST_PAYLOAD, { signal });
      // At the same time, since nearly everything in line is sent, and two answers one after the other take twice as long.
      const [configMap, environment] = await Promise.all([
        kube.get(RESOURCES.configMaps, key, { signal }),
        readNamespace(key, signal),
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
    const state = configMapState(object, options.coreOptIn);
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
        if (options.burnAfterReading) await burn(object, signal);
        return {};
      case "pending":
        break;
      default:
        return {};
    }
    return shipment ? await ship(shipment, signal) : await defer(object, NO_BROKER, signal);
  }

  async function ship({ configMap, environment }: Shipment, signal: AbortSignal): Promise<Result> {
    const key = formatKey(keyOf(configMap));
    try {
      if (!environment) return await defer(configMap, NO_ENVIRONMENT, signal);
      const body = encodeMessage(configMapMessage({ configMap, environment }));
      const id = messageId(configMap);
      const isDelivered = confirmed.get(key) === id ||
        configMap.metadata.annotations?.[ANNOTATIONS.coreStatus] === "success";
      if (!isDelivered) await publisher.publish({ id, body }, { signal });
      confirmed.set(key, id);
    } catch (error) {
      if (error instanceof TerminalError) return await refuse(configMap, error, signal);
      if (error instanceof UnavailableError) return await defer(configMap, error, signal);
      throw error;
    }
    if (options.burnAfterReading) await burn(configMap, signal);
    else await writeMarks(kube, configMap, processedMarks(configMap, clock.now()), { signal });
    confirmed.delete(key);
    metrics.countConfigMap("sent");
    log.info("ConfigMap sent", { object: key, burned: options.burnAfterReading });
    return {};
  }

  async function readNamespace(
    { namespace }: ObjectKey,
    signal: AbortSignal,
  ): Promise<Shipment["environment"]> {
    const key = { namespace: "", name: namespace };
    const { labels = {} } = (await kube.getMetadata(RESOURCES.namespaces, key, { signal })).metadata;
    const projectName = labels[LABELS.project];
    const environmentName = labels[LABELS.environment];
    return projectName && environmentName ? { projectName, environmentName } : undefined;
  }

  async function burn(object: PartialObject, signal: AbortSignal): Promise<void> {
    const { uid, resourceVersion } = object.metadata;
    await kube.delete(RESOURCES.configMaps, keyOf(object), { uid, resourceVersion }, { signal });
    metrics.countConfigMap("burned");
  }

  async function defer(object: PartialObject, reason: AppError, signal: AbortSignal): Promise<Result> {
    const failures = retryCount(object) + 1;
    const error = describeError(reason);
    const fields = { object: formatKey(keyOf(object)), failures, error };
    if (options.maxRetries > 0 && failures > options.maxRetries) {
      await writeMarks(kube, object, givenUpMarks(object, error), { signal });
      metrics.countConfigMap("given_up", reason.code);
      log.error("ConfigMap given up", fields);
      return {};
    }
    const untilMs = Math.ceil((clock.now() + options.retryDelayMs) / 1000) * 1000;
    await writeMarks(kube, object, deferredMarks(object, untilMs, error), { signal });
    metrics.countConfigMap("deferred", reason.code);
    log.warn("ConfigMap deferred", { ...fields, until: new Date(untilMs).toISOString() });
    return options.deferredEnabled ? { requeueAfterMs: untilMs - clock.now() } : {};
  }

  async function refuse(object: PartialObject, error: TerminalError, signal: AbortSignal): Promise<Result> {
    const marks = refusedMarks(object, error.message);
    // Said already, to this very object: another write would only bring us back here.
    if (hasAnnotations(object, marks)) return {};
    await writeMarks(kube, object, marks, { signal });
    metrics.countConfigMap("refused", error.code);
    await events.warn({ resource: RESOURCES.configMaps, object }, "InsightsRefused", error.message, {
      signal,
    });
    log.error("ConfigMap refused", {
      object: formatKey(keyOf(object)),
      code: error.code,
      error: error.message,
    });
    return {};
  }

  return reconcile;
}

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
