/**
 * Records the outcome of a ConfigMap at a destination: marks, metrics, a log line, and an Event. All destinations share it.
 *
 * @module
 */
import { type AppError, describeError, type TerminalError } from "../lib/errors.ts";
import type { Result } from "../lib/kube/controller.ts";
import { formatKey, keyOf, type PartialObject, RESOURCES } from "../lib/kube/objects.ts";
import { LABELS } from "../lib/lagoon.ts";
import type { ConfigMapOutcome } from "../lib/metrics.ts";
import { type Attempt, marksAfter, writeMarks } from "./configmap_marks.ts";
import { type DestinationScope, GIVEN_UP, refusalOf, retryCount } from "./destination.ts";
import type { Parts } from "./parts.ts";

/** What {@link createOutcomes} works with. */
export interface OutcomeParts extends Pick<Parts, "kube" | "events" | "clock" | "log"> {
  readonly count: (outcome: ConfigMapOutcome, code?: string) => void;
}

/** Options that all destinations share. */
export interface OutcomeOptions {
  /** Delete a ConfigMap once every destination has it. */
  readonly burnAfterReading: boolean;
  /** Retry deferred ConfigMaps when their time has come. */
  readonly deferredEnabled: boolean;
  /** Failures before a ConfigMap is given up; 0 for no limit. */
  readonly maxRetries: number;
  /** Wait after a failure, in milliseconds. Dependency-Track's doubles with each further one. */
  readonly retryDelayMs: number;
}

/** How a destination reports to a site's developers. */
export interface OutcomeReporting {
  /** Reason of the Event about a refused ConfigMap. */
  readonly refusedReason: string;
  /** Reason of the Event about each failure. Without it there is none, because developers can't fix it. */
  readonly failedReason?: string;
  /** The codes of failures that get an Event; without it, all. */
  readonly reportedCodes?: readonly string[];
  /** Whether to record refusals, because detecting one again would cost requests. */
  readonly remembersRefusals: boolean;
  /** Whether causes of failures may be shown to a site's developers; the log always has them. */
  readonly showsCauses: boolean;
}

/** Records outcomes. Every method throws a `KubeError` if the API server refuses: a conflict if the ConfigMap has changed. */
export interface Outcomes {
  /** The destination has the ConfigMap or doesn't need it. Marks it, or burns it if this was the last destination. */
  done(object: PartialObject, status: "success" | "skipped", signal: AbortSignal): Promise<void>;
  /** The attempt failed. Schedules the next one, by default after `retryDelayMs`, or gives up. */
  defer(object: PartialObject, reason: AppError, signal: AbortSignal, delayMs?: number): Promise<Result>;
  /** The destination can't take the ConfigMap as it is. */
  refuse(object: PartialObject, error: TerminalError, signal: AbortSignal): Promise<void>;
  /** Deletes the ConfigMap if its version is still the one that was read. */
  burn(object: PartialObject, signal: AbortSignal): Promise<void>;
}

/** Makes the recorder of one destination's outcomes. */
export function createOutcomes(
  { kube, events, clock, count, log }: OutcomeParts,
  scope: DestinationScope,
  reporting: OutcomeReporting,
  options: OutcomeOptions,
): Outcomes {
  const { destination, all } = scope;
  const about = (object: PartialObject) => ({
    object: formatKey(keyOf(object)),
    destination: destination.name,
  });
  const marksOf = (object: PartialObject, attempt: Attempt) =>
    marksAfter(object, scope, attempt, clock.now());

  async function done(object: PartialObject, status: "success" | "skipped", signal: AbortSignal) {
    const marks = marksOf(object, { status, retries: retryCount(object, destination) });
    const burned = options.burnAfterReading && LABELS.processed in marks.labels;
    if (burned) await burn(object, signal);
    else await writeMarks(kube, object, marks, all, signal);
    const outcome = status === "success" ? "sent" : "skipped";
    count(outcome);
    log.info(`ConfigMap ${outcome}`, { ...about(object), burned });
  }

  async function defer(
    object: PartialObject,
    reason: AppError,
    signal: AbortSignal,
    delayMs = options.retryDelayMs,
  ): Promise<Result> {
    const retries = retryCount(object, destination) + 1;
    const error = reporting.showsCauses ? describeError(reason) : reason.message;
    const givesUp = options.maxRetries > 0 && retries > options.maxRetries;
    const retryAt = Math.ceil((clock.now() + delayMs) / 1000) * 1000;
    const next = givesUp ? { stopped: GIVEN_UP } : { retryAt };
    const marks = marksOf(object, { status: "failure", retries, error, ...next });
    await writeMarks(kube, object, marks, all, signal);
    count(givesUp ? "given_up" : "deferred", reason.code);
    const fields = { ...about(object), failures: retries, error: describeError(reason) };
    if (givesUp) log.error("ConfigMap given up", fields);
    else log.warn("ConfigMap deferred", { ...fields, until: new Date(retryAt).toISOString() });
    const { failedReason, reportedCodes } = reporting;
    const isReported = reportedCodes?.includes(reason.code) ?? true;
    if (failedReason && isReported) await warn(object, failedReason, error, signal);
    return givesUp || !options.deferredEnabled ? {} : { requeueAfterMs: retryAt - clock.now() };
  }

  async function refuse(object: PartialObject, { code, message }: TerminalError, signal: AbortSignal) {
    const marks = marksOf(object, {
      status: "failure",
      retries: retryCount(object, destination),
      error: message,
      ...(reporting.remembersRefusals && { stopped: refusalOf(object.metadata) }),
    });
    // Already recorded on this version: writing it again would only trigger another reconcile.
    const { annotations = {} } = object.metadata;
    if (Object.entries(marks.annotations).every(([name, value]) => annotations[name] === value)) return;
    await writeMarks(kube, object, marks, all, signal);
    count("refused", code);
    await warn(object, reporting.refusedReason, message, signal);
    log.error("ConfigMap refused", { ...about(object), code, error: message });
  }

  async function burn(object: PartialObject, signal: AbortSignal) {
    const { uid, resourceVersion } = object.metadata;
    await kube.delete(RESOURCES.configMaps, keyOf(object), { uid, resourceVersion }, { signal });
    count("burned");
  }

  const warn = (object: PartialObject, reason: string, note: string, signal: AbortSignal) =>
    events.warn({ resource: RESOURCES.configMaps, object }, reason, note, { signal });

  return { done, defer, refuse, burn };
}
