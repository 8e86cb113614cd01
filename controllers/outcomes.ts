/**
 * Records the outcome of a ConfigMap at a destination: marks, metrics, a log line, and an Event. All destinations share it.
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
  refusedMarks,
  writeMarks,
} from "./configmap_marks.ts";
import { type DestinationScope, retryCount } from "./destination.ts";

/** What {@link createOutcomes} works with. */
export interface OutcomeDependencies {
  readonly kube: Pick<KubeClient, "apply" | "patch" | "delete">;
  readonly events: EventRecorder;
  readonly clock: Pick<Clock, "now">;
  readonly count: (outcome: ConfigMapOutcome, code?: string) => void;
  readonly log: Logger;
}

/** Options that all destinations share. */
export interface OutcomeOptions {
  /** Delete a ConfigMap once every destination has it. */
  readonly burnAfterReading: boolean;
  /** Retry deferred ConfigMaps when their time has come. */
  readonly deferredEnabled: boolean;
  /** Failures before a ConfigMap is given up; 0 for no limit. */
  readonly maxRetries: number;
}

/** How a destination reports to a site's developers. */
export interface OutcomeReporting {
  /** Reason of the Event about a refused ConfigMap. */
  readonly refusedReason: string;
  /** Reason of the Event about each failure. Without it there is none, because developers can't fix it. */
  readonly failedReason?: string;
  /** Whether to record refusals, because detecting one again would cost requests. */
  readonly remembersRefusals: boolean;
  /** Whether causes of failures may be shown to a site's developers; the log always has them. */
  readonly showsCauses: boolean;
}

/** Options of each call. */
export interface CallOptions {
  readonly signal: AbortSignal;
}

/** Records outcomes. Every method throws a `KubeError` if the API server refuses: a conflict if the ConfigMap has changed. */
export interface Outcomes {
  /** The destination has the ConfigMap or doesn't need it. Marks it, or burns it if this was the last destination. */
  done(object: PartialObject, status: "success" | "skipped", options: CallOptions): Promise<void>;
  /** The attempt failed. Schedules the next one, or gives up. */
  defer(object: PartialObject, reason: AppError, delayMs: number, options: CallOptions): Promise<Result>;
  /** The destination can't take the ConfigMap as it is. */
  refuse(object: PartialObject, error: TerminalError, options: CallOptions): Promise<Result>;
  /** Deletes the ConfigMap if its version is still the one that was read. */
  burn(object: PartialObject, options: CallOptions): Promise<void>;
}

/** Makes the recorder of one destination's outcomes. */
export function createOutcomes(
  { kube, events, clock, count, log }: OutcomeDependencies,
  scope: DestinationScope,
  reporting: OutcomeReporting,
  options: OutcomeOptions,
): Outcomes {
  const { destination, all } = scope;
  const fieldsOf = (object: PartialObject) => ({
    object: formatKey(keyOf(object)),
    destination: destination.name,
  });

  const mark = (object: PartialObject, marks: Marks, signal: AbortSignal) =>
    writeMarks(kube, object, marks, { all, signal });

  async function burn(object: PartialObject, { signal }: CallOptions): Promise<void> {
    const { uid, resourceVersion } = object.metadata;
    await kube.delete(RESOURCES.configMaps, keyOf(object), { uid, resourceVersion }, { signal });
    count("burned");
  }

  async function done(
    object: PartialObject,
    status: "success" | "skipped",
    { signal }: CallOptions,
  ): Promise<void> {
    const burned = options.burnAfterReading && isDoneElsewhere(object, scope);
    if (burned) await burn(object, { signal });
    else await mark(object, doneMarks(object, scope, { status, nowMs: clock.now() }), signal);
    count(status === "success" ? "sent" : "skipped");
    log.info(status === "success" ? "ConfigMap sent" : "ConfigMap skipped", { ...fieldsOf(object), burned });
  }

  async function defer(
    object: PartialObject,
    reason: AppError,
    delayMs: number,
    { signal }: CallOptions,
  ): Promise<Result> {
    const failures = retryCount(object, destination) + 1;
    const error = reporting.showsCauses ? describeError(reason) : reason.message;
    const fields = { ...fieldsOf(object), failures, error: describeError(reason) };
    if (options.maxRetries > 0 && failures > options.maxRetries) {
      await mark(object, givenUpMarks(object, scope, error), signal);
      count("given_up", reason.code);
      log.error("ConfigMap given up", fields);
      await warn(object, reporting.failedReason, error, signal);
      return {};
    }
    const untilMs = Math.ceil((clock.now() + delayMs) / 1000) * 1000;
    await mark(object, deferredMarks(object, scope, untilMs, error), signal);
    count("deferred", reason.code);
    log.warn("ConfigMap deferred", { ...fields, until: new Date(untilMs).toISOString() });
    await warn(object, reporting.failedReason, error, signal);
    return options.deferredEnabled ? { requeueAfterMs: untilMs - clock.now() } : {};
  }

  async function refuse(
    object: PartialObject,
    error: TerminalError,
    { signal }: CallOptions,
  ): Promise<Result> {
    const marks = refusedMarks(object, scope, error.message, reporting.remembersRefusals);
    // Already recorded on this version: writing it again would only trigger another reconcile.
    if (hasAnnotations(object, marks)) return {};
    await mark(object, marks, signal);
    count("refused", error.code);
    await warn(object, reporting.refusedReason, error.message, signal);
    log.error("ConfigMap refused", { ...fieldsOf(object), code: error.code, error: error.message });
    return {};
  }

  async function warn(object: PartialObject, reason: string | undefined, note: string, signal: AbortSignal) {
    if (reason) await events.warn({ resource: RESOURCES.configMaps, object }, reason, note, { signal });
  }

  return { done, defer, refuse, burn };
}
