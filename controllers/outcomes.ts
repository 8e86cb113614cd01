/**
 * What becomes of a ConfigMap at a destination, written on the ConfigMap, counted and logged: the same for all destinations.
 *
 * @module
 */
import type { Clock } from "../lib/clock.ts";
import { type AppError, describeError, type TerminalError } from "../lib/errors.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import type { Result } from "../lib/kube/controller.ts";
import type { EventRecorder } from "../lib/kube/events.ts";
import { formatKey, keyOf, type PartialObject, RESOURCES } from "../lib/kube/objects.ts";
import type { Logger } from "../lib/log.ts";
import type { ConfigMapOutcome } from "../lib/metrics.ts";
import {
  deferredMarks,
  doneMarks,
  givenUpMarks,
  hasAnnotations,
  isDoneElsewhere,
  type Marks,
  type Place,
  refusedMarks,
  writeMarks,
} from "./configmap_marks.ts";
import { retryCount } from "./destination.ts";

/** What outcomes need. */
export interface OutcomeDependencies {
  /** The API server. */
  readonly kube: Pick<KubeClient, "apply" | "patch" | "delete">;
  /** Tells a site's developers what is wrong with a ConfigMap. */
  readonly events: EventRecorder;
  /** Tells when to try again. */
  readonly clock: Pick<Clock, "now">;
  /** Counts an outcome, and why. */
  readonly count: (outcome: ConfigMapOutcome, code?: string) => void;
  /** Where each outcome is told. */
  readonly log: Logger;
}

/** What the operator can choose of it. */
export interface OutcomeOptions {
  /** Delete a ConfigMap once all destinations have it. */
  readonly burnAfterReading: boolean;
  /** Try again when a deferral is over. */
  readonly deferredEnabled: boolean;
  /** How often sending may fail before it is given up; 0 for no limit. */
  readonly maxRetries: number;
}

/** How a destination's outcomes are told. */
export interface OutcomeWords {
  /** Reason of the Event about a ConfigMap that can't be taken. */
  readonly refusedReason: string;
  /** Reason of an Event about each failure; without it there is none, since developers can do nothing about it. */
  readonly failedReason?: string;
  /** Whether finding out about a refusal costs something, so that it is remembered. */
  readonly remembersRefusals: boolean;
}

/** Writes outcomes. All throw a `KubeError` when the API server refuses: a conflict when the ConfigMap has changed. */
export interface Outcomes {
  /** The destination has it, or needs nothing; it is marked, and burned when it was the last one. */
  done(object: PartialObject, status: "success" | "skipped", options: Signal): Promise<void>;
  /** It failed; it is tried again after a time, in milliseconds, or given up. */
  defer(object: PartialObject, reason: AppError, delayMs: number, options: Signal): Promise<Result>;
  /** The destination can't take it as it is. */
  refuse(object: PartialObject, error: TerminalError, options: Signal): Promise<Result>;
  /** Deletes it, if it is still the one that was read. */
  burn(object: PartialObject, options: Signal): Promise<void>;
}

/** What every call takes. */
export interface Signal {
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Makes what writes the outcomes of one destination. */
export function createOutcomes(
  { kube, events, clock, count, log }: OutcomeDependencies,
  place: Place,
  words: OutcomeWords,
  options: OutcomeOptions,
): Outcomes {
  const { destination, all } = place;
  const fieldsOf = (object: PartialObject) => ({
    object: formatKey(keyOf(object)),
    destination: destination.name,
  });

  const mark = (object: PartialObject, marks: Marks, signal: AbortSignal) =>
    writeMarks(kube, object, marks, { all, signal });

  async function burn(object: PartialObject, { signal }: Signal): Promise<void> {
    const { uid, resourceVersion } = object.metadata;
    await kube.delete(RESOURCES.configMaps, keyOf(object), { uid, resourceVersion }, { signal });
    count("burned");
  }

  async function done(
    object: PartialObject,
    status: "success" | "skipped",
    { signal }: Signal,
  ): Promise<void> {
    const burned = options.burnAfterReading && isDoneElsewhere(object, place);
    if (burned) await burn(object, { signal });
    else await mark(object, doneMarks(object, place, { status, nowMs: clock.now() }), signal);
    count(status === "success" ? "sent" : "skipped");
    log.info(status === "success" ? "ConfigMap sent" : "ConfigMap skipped", { ...fieldsOf(object), burned });
  }

  async function defer(
    object: PartialObject,
    reason: AppError,
    delayMs: number,
    { signal }: Signal,
  ): Promise<Result> {
    const failures = retryCount(object, destination) + 1;
    const error = describeError(reason);
    const fields = { ...fieldsOf(object), failures, error };
    if (options.maxRetries > 0 && failures > options.maxRetries) {
      await mark(object, givenUpMarks(object, place, error), signal);
      count("given_up", reason.code);
      log.error("ConfigMap given up", fields);
      await tell(object, words.failedReason, error, signal);
      return {};
    }
    const untilMs = Math.ceil((clock.now() + delayMs) / 1000) * 1000;
    await mark(object, deferredMarks(object, place, untilMs, error), signal);
    count("deferred", reason.code);
    log.warn("ConfigMap deferred", { ...fields, until: new Date(untilMs).toISOString() });
    await tell(object, words.failedReason, error, signal);
    return options.deferredEnabled ? { requeueAfterMs: untilMs - clock.now() } : {};
  }

  async function refuse(object: PartialObject, error: TerminalError, { signal }: Signal): Promise<Result> {
    const marks = refusedMarks(object, place, error.message, !words.remembersRefusals);
    // Said already, to this very object: another write would only bring us back here.
    if (hasAnnotations(object, marks)) return {};
    await mark(object, marks, signal);
    count("refused", error.code);
    await tell(object, words.refusedReason, error.message, signal);
    log.error("ConfigMap refused", { ...fieldsOf(object), code: error.code, error: error.message });
    return {};
  }

  async function tell(object: PartialObject, reason: string | undefined, note: string, signal: AbortSignal) {
    if (reason) await events.warn({ resource: RESOURCES.configMaps, object }, reason, note, { signal });
  }

  return { done, defer, refuse, burn };
}
