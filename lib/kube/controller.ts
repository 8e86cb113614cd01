/**
 * Workers that take keys from a queue and reconcile them. What a reconcile asks for by its result or its error is
 * obeyed here and nowhere else.
 *
 * @module
 */
import { describeError, TerminalError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { isConflict, KubeError } from "./errors.ts";
import { formatKey, type ObjectKey } from "./objects.ts";
import type { WorkQueue } from "./work_queue.ts";

/** What a reconcile asks for. */
export interface Result {
  /** Come back after this time, in milliseconds; without it when the object changes. */
  readonly requeueAfterMs?: number;
}

/**
 * Brings one object to where it should be. It reads the world and not an event, and may be called at any time.
 * Throwing asks for another try after a backoff, a {@link TerminalError} for none.
 */
export type Reconcile = (key: ObjectKey, options: { signal: AbortSignal }) => Promise<Result>;

/** Options of {@link runController}. */
export interface ControllerOptions {
  /** Name in log lines. */
  readonly name: string;
  /** Where the keys come from. */
  readonly queue: WorkQueue;
  /** What is done with a key. */
  readonly reconcile: Reconcile;
  /** How many keys are worked on at the same time. */
  readonly concurrency: number;
  /** Where failures are told. */
  readonly log: Logger;
  /** Stops taking keys; what is being worked on is finished. */
  readonly signal: AbortSignal;
  /** Ends what is being worked on, too. */
  readonly killSignal: AbortSignal;
}

/** Works until the signal aborts, and resolves when the last worker has finished; never throws. */
export async function runController(options: ControllerOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.concurrency }, () => work(options)));
}

async function work(options: ControllerOptions): Promise<void> {
  const { queue, signal } = options;
  for (let key = await queue.get(signal); key; key = await queue.get(signal)) {
    await reconcileOne(key, options);
    queue.done(key);
  }
}

async function reconcileOne(key: ObjectKey, options: ControllerOptions): Promise<void> {
  const { name, queue, reconcile, log, killSignal } = options;
  const fields = { controller: name, object: formatKey(key) };
  try {
    const { requeueAfterMs } = await reconcile(key, { signal: killSignal });
    queue.forget(key);
    if (requeueAfterMs !== undefined) queue.addAfter(key, requeueAfterMs);
  } catch (error) {
    // The server asks us to leave it alone, not only about this object.
    if (error instanceof KubeError && error.retryAfterMs) queue.hold(error.retryAfterMs);
    if (killSignal.aborted) {
      log.warn("Reconcile stopped by shutdown", fields);
    } else if (error instanceof TerminalError) {
      queue.forget(key);
      log.error("Reconcile refused", { ...fields, code: error.code, error: describeError(error) });
    } else if (isConflict(error)) {
      // Somebody wrote in between; that is everyday, and reading again is all it takes.
      queue.retry(key);
      log.debug("Reconcile met a newer object", fields);
    } else {
      queue.retry(key);
      log.error("Reconcile failed", { ...fields, error: describeError(error) });
    }
  }
}
