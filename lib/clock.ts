/**
 * Time is passed in, so that tests control it.
 *
 * @module
 */

/** The only source of time in the program. */
export interface Clock {
  /** Wall time, in milliseconds since the Unix epoch: for timestamps and expiry. It can jump, so don't measure with it. */
  now(): number;
  /** Milliseconds since an arbitrary start, never set back: for every duration. */
  monotonic(): number;
  /**
   * Calls `callback` once after `milliseconds`.
   *
   * @returns A function that cancels the call; harmless after it was made.
   */
  setTimer(milliseconds: number, callback: () => void): () => void;
}

/** Longest wait that a JavaScript timer can hold (2^31 - 1 ms, 24.8 days); longer ones would fire at once. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(milliseconds, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(milliseconds, 0), LONGEST_TIMER_MS));
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
 * Waits for a promise, at most until the signal aborts. What the promise stands for goes on.
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
 * Lets everything else run, connections above all. A wait of a millisecond is needed for that: as long as anything in
 * JavaScript is ready at once, Deno looks at connections only now and then.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** A signal with a time limit; dispose of it (`using`) when the work is done, so that its timer doesn't stay. */
export interface Deadline extends Disposable {
  /** Aborted by the parent signal, or after the limit with a `DOMException` named `TimeoutError`. */
  readonly signal: AbortSignal;
  /** Starts the limit again from now. */
  extend(): void;
}

/** Limits work to `milliseconds`, and to the life of `parent`. */
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

/** Options of {@link backoff}. */
export interface BackoffOptions {
  /** Wait after the first failure, in milliseconds. */
  readonly baseMs: number;
  /** Longest wait, in milliseconds. */
  readonly capMs: number;
  /** Source of jitter: a number in [0, 1). */
  readonly random: () => number;
}

/**
 * Exponential backoff with jitter: between half and all of `base * 2^attempt`, at most the cap.
 *
 * @param attempt How many attempts have failed before this wait, from 0.
 * @returns Milliseconds to wait.
 */
export function backoff(attempt: number, { baseMs, capMs, random }: BackoffOptions): number {
  const full = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
  return full / 2 + random() * full / 2;
}
