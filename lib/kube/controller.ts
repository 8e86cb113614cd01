/**
 * Workers that take keys from a queue and reconcile them. What a reconcile asks for, by its result or its error,
 * is carried out here.
 *
 * @module
 */
import { describeError, TerminalError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { isConflict, retryAfterOf } from "./errors.ts";
import { formatKey, type ObjectKey } from "./objects.ts";
import type { WorkQueue } from "./work_queue.ts";

/** What a reconcile asks for. */
export interface Result {
  /** Reconcile again after this time; otherwise only when the object changes. */
  readonly requeueAfterMs?: number;
}

/**
 * Brings one object to its desired state. It reads current state rather than an event, and may be called at any time.
 * An error asks for a retry after a backoff, except a {@link TerminalError}.
 */
export type Reconcile = (key: ObjectKey, options: { signal: AbortSignal }) => Promise<Result>;

/** Options of {@link runController}. */
export interface ControllerOptions {
  /** For logs. */
  readonly name: string;
  readonly queue: WorkQueue;
  readonly reconcile: Reconcile;
  /** Number of keys that are reconciled at the same time. */
  readonly concurrency: number;
  readonly log: Logger;
  /** No more keys are taken; reconciles in progress finish. */
  readonly signal: AbortSignal;
  /** Ends reconciles in progress, too. */
  readonly killSignal: AbortSignal;
}

/** Runs until the signal aborts, and resolves when the last worker has finished; never throws. */
export async function runController(options: ControllerOptions): Promise<void> {
  const { queue, concurrency, signal } = options;

  async function work(): Promise<void> {
    for (let key = await queue.get(signal); key; key = await queue.get(signal)) {
      await reconcileOne(key, options);
      queue.done(key);
    }
  }

  await Promise.all(Array.from({ length: concurrency }, work));
}

async function reconcileOne(key: ObjectKey, options: ControllerOptions): Promise<void> {
  const { name, queue, reconcile, log, killSignal } = options;
  const fields = { controller: name, object: formatKey(key) };
  try {
    const { requeueAfterMs } = await reconcile(key, { signal: killSignal });
    queue.forget(key);
    if (requeueAfterMs !== undefined) queue.addAfter(key, requeueAfterMs);
  } catch (error) {
    // Retry-After is about the whole server, not about this object.
    const retryAfterMs = retryAfterOf(error);
    if (retryAfterMs > 0) queue.hold(retryAfterMs);
    if (killSignal.aborted) {
      log.warn("Reconcile stopped by shutdown", fields);
    } else if (error instanceof TerminalError) {
      queue.forget(key);
      log.error("Reconcile failed, no retry", { ...fields, code: error.code, error: describeError(error) });
    } else if (isConflict(error)) {
      // Another writer was first: common, and fixed by reading again.
      queue.retry(key);
      log.debug("Reconcile met a newer object", fields);
    } else {
      queue.retry(key);
      log.error("Reconcile failed", { ...fields, error: describeError(error) });
    }
  }
}
