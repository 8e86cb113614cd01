/**
 * Time is passed in, so that tests control it.
 *
 * @module
 */

/** The only source of time in the program. */
export interface Clock {
  /** Wall time, in milliseconds since the Unix epoch, for timestamps and expiry. It can jump. */
  now(): number;
  /** Milliseconds since an arbitrary start, for durations. It never jumps. */
  monotonic(): number;
  /**
   * Calls `callback` once after `milliseconds`.
   *
   * @returns A function that cancels the call; harmless after the call.
   */
  setTimer(milliseconds: number, callback: () => void): () => void;
}

/** Longest wait of a JavaScript timer, 24.8 days; a longer one would fire at once. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** The system clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(milliseconds, callback) {
    const timer = setTimeout(callback, Math.min(milliseconds, LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/**
 * Waits.
 *
 * @throws The signal's reason, at once, when the signal is or becomes aborted.
 */
export function delay(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const cancel = clock.setTimer(milliseconds, () => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
    function abort(): void {
      cancel();
      reject(signal.reason);
    }
    signal.addEventListener("abort", abort, { once: true });
  });
}

/**
 * Waits for a promise, at most until the signal aborts. It does not cancel the work behind the promise.
 *
 * @throws The signal's reason when it is or becomes aborted first.
 */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/**
 * Lets everything else run, above all connections. It takes a timer of a millisecond: while JavaScript is ready to run,
 * Deno rarely polls connections.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** A signal with a time limit. Dispose of it (`using`) when the work is done, to clear its timer. */
export interface Deadline extends Disposable {
  /** Aborts with the parent, or after the limit with a `DOMException` named `TimeoutError`. */
  readonly signal: AbortSignal;
  /** Restarts the limit. */
  extend(): void;
}

/** Limits work to `milliseconds`, and to the lifetime of `parent`. */
export function deadline(clock: Clock, milliseconds: number, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  const onParentAbort = () => controller.abort(parent?.reason);
  if (parent?.aborted) onParentAbort();
  parent?.addEventListener("abort", onParentAbort, { once: true });
  const expire = () =>
    controller.abort(new DOMException(`No answer within ${milliseconds / 1000} s`, "TimeoutError"));
  let cancel = clock.setTimer(milliseconds, expire);
  return {
    signal: controller.signal,
    extend() {
      cancel();
      cancel = clock.setTimer(milliseconds, expire);
    },
    [Symbol.dispose]() {
      cancel();
      parent?.removeEventListener("abort", onParentAbort);
    },
  };
}

/**
 * Exponential backoff with jitter: between half and all of `base * 2^attempt`, at most the cap.
 *
 * @param attempt From 0.
 * @param limits.random Source of jitter: a number in [0, 1).
 * @returns Milliseconds to wait.
 */
export function backoff(
  attempt: number,
  limits: { readonly baseMs: number; readonly capMs: number; readonly random: () => number },
): number {
  const { baseMs, capMs, random } = limits;
  const full = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
  return full / 2 + random() * full / 2;
}
