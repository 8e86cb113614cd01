/**
 * A queue of object keys to reconcile. A key is queued once however often it is added, is never handed out twice at
 * the same time, and runs again if it was added meanwhile. Namespaces take turns.
 *
 * @module
 */
import { backoff, type Clock, unlessAborted } from "../clock.ts";
import { formatKey, type ObjectKey } from "./objects.ts";

/** Backoff of a key that failed. */
const RETRY = { baseMs: 500, capMs: 60_000 };

/** A timer, and the monotonic time at which it fires. */
interface Timer {
  readonly at: number;
  readonly cancel: () => void;
}

/** A fair queue with delays and backoff. */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #random: () => number;
  /** By namespace; the namespace whose turn is next comes first. No entry is empty. */
  readonly #ready = new Map<string, Map<string, ObjectKey>>();
  /** Keys that are being reconciled. */
  readonly #active = new Set<string>();
  /** Keys that were added while they were in #active. */
  readonly #again = new Map<string, ObjectKey>();
  /** Keys that are added later. */
  readonly #delayed = new Map<string, Timer>();
  /** Consecutive failures by key. */
  readonly #failures = new Map<string, number>();
  /** Resolves when a key may have become ready. */
  #change = Promise.withResolvers<void>();
  /** Until it fires, no key is handed out. */
  #hold: Timer | undefined;

  /** Makes an empty queue; `random` is a source of jitter in [0, 1). */
  constructor({ clock, random }: { readonly clock: Clock; readonly random: () => number }) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Number of keys that could be handed out now. */
  get readyCount(): number {
    return this.#ready.values().reduce((sum, keys) => sum + keys.size, 0);
  }

  /** Number of keys that are added later. */
  get waitingCount(): number {
    return this.#delayed.size;
  }

  /** Queues a key, unless it is queued already. */
  add(key: ObjectKey): void {
    const id = formatKey(key);
    if (this.#active.has(id)) {
      this.#again.set(id, key);
      return;
    }
    const keys = this.#ready.get(key.namespace);
    if (keys) keys.set(id, key);
    else this.#ready.set(key.namespace, new Map([[id, key]]));
    this.#wake();
  }

  /** Queues a key after a time; the earliest of several times counts. */
  addAfter(key: ObjectKey, milliseconds: number): void {
    if (milliseconds <= 0) return this.add(key);
    const id = formatKey(key);
    const at = this.#clock.monotonic() + milliseconds;
    const earlier = this.#delayed.get(id);
    if (earlier && earlier.at <= at) return;
    earlier?.cancel();
    const cancel = this.#clock.setTimer(milliseconds, () => {
      this.#delayed.delete(id);
      this.add(key);
    });
    this.#delayed.set(id, { at, cancel });
  }

  /** Queues a key that failed, later after each failure until {@link forget}. */
  retry(key: ObjectKey): void {
    const id = formatKey(key);
    const failures = this.#failures.get(id) ?? 0;
    this.#failures.set(id, failures + 1);
    this.addAfter(key, backoff(failures, { ...RETRY, random: this.#random }));
  }

  /** Resets a key's backoff. */
  forget(key: ObjectKey): void {
    this.#failures.delete(formatKey(key));
  }

  /** Hands out no key for a time; keys can still be added. The longest of several times counts. */
  hold(milliseconds: number): void {
    const at = this.#clock.monotonic() + milliseconds;
    if (this.#hold && this.#hold.at >= at) return;
    this.#hold?.cancel();
    const cancel = this.#clock.setTimer(milliseconds, () => {
      this.#hold = undefined;
      this.#wake();
    });
    this.#hold = { at, cancel };
  }

  /**
   * Waits for the next key. Call {@link done} when its reconcile has ended.
   *
   * @returns `undefined` when the signal aborts.
   */
  async get(signal: AbortSignal): Promise<ObjectKey | undefined> {
    while (!signal.aborted) {
      const key = this.#take();
      if (key) return key;
      // Only an abort rejects, and that ends the loop.
      await unlessAborted(this.#change.promise, signal).catch(() => {});
    }
    return undefined;
  }

  /** Ends the work on a key from {@link get}. */
  done(key: ObjectKey): void {
    const id = formatKey(key);
    this.#active.delete(id);
    const again = this.#again.get(id);
    if (!again) return;
    this.#again.delete(id);
    this.add(again);
  }

  /** Cancels all timers; delayed keys are dropped. */
  close(): void {
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#hold?.cancel();
    this.#hold = undefined;
  }

  #take(): ObjectKey | undefined {
    const next = this.#ready.entries().next().value;
    if (!next || this.#hold) return undefined;
    const [namespace, keys] = next;
    const [id, key] = keys.entries().next().value as [string, ObjectKey];
    keys.delete(id);
    // Re-insert the namespace as last, so that one with thousands of keys doesn't delay the others.
    this.#ready.delete(namespace);
    if (keys.size > 0) this.#ready.set(namespace, keys);
    this.#active.add(id);
    return key;
  }

  #wake(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}
