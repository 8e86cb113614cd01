/**
 * The keys of objects that want a look. A key waits here once however often it is added, is never handed out
 * twice at the same time, and runs again when it was added meanwhile. Namespaces take turns.
 *
 * @module
 */
import { backoff, type Clock } from "../clock.ts";
import { formatKey, type ObjectKey } from "./objects.ts";

/** Options of {@link WorkQueue}. */
export interface WorkQueueOptions {
  /** Tells when a key's time has come. */
  readonly clock: Clock;
  /** Source of jitter, a number in [0, 1). */
  readonly random: () => number;
}

/** Wait before a key that failed is tried again, per key. */
const RETRY = { baseMs: 500, capMs: 60_000 };

/**
 * A fair, delaying, rate-limited queue of object keys.
 *
 * @example
 * ```ts
 * // with WorkQueue from this file and systemClock from lib/clock.ts
 * const queue = new WorkQueue({ clock: systemClock, random: Math.random });
 * queue.add({ namespace: "main", name: "web" });
 * const key = await queue.get(new AbortController().signal);
 * if (key) queue.done(key);
 * ```
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** Keys to hand out, by namespace; the namespace whose turn is next comes first. No entry is empty. */
  readonly #ready = new Map<string, Map<string, ObjectKey>>();
  /** Keys that are being worked on. */
  readonly #active = new Set<string>();
  /** Keys that were added while being worked on; each is in #active too. */
  readonly #again = new Map<string, ObjectKey>();
  /** Keys whose time has not come, with that time in milliseconds since the epoch. */
  readonly #waiting = new Map<string, { key: ObjectKey; at: number }>();
  /** How often in a row each key has failed. */
  readonly #failures = new Map<string, number>();
  /** Callers of get() that wait for a key. */
  readonly #takers = new Set<() => void>();
  #timer: { at: number; cancel: () => void } | undefined;
  /** Until when, in milliseconds since the epoch, nothing is handed out. */
  #hold: { until: number; cancel: () => void } | undefined;

  /** Makes an empty queue. */
  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that could be handed out now. */
  get readyCount(): number {
    return this.#ready.values().reduce((sum, keys) => sum + keys.size, 0);
  }

  /** Keys whose time has not come yet. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Puts a key in line, unless it is there already. */
  add(key: ObjectKey): void {
    const id = formatKey(key);
    if (this.#active.has(id)) {
      this.#again.set(id, key);
      return;
    }
    const keys = this.#ready.get(key.namespace);
    if (keys) keys.set(id, key);
    else this.#ready.set(key.namespace, new Map([[id, key]]));
    this.#takers.values().next().value?.();
  }

  /** Puts a key in line after a time; the earliest of several times counts. */
  addAfter(key: ObjectKey, milliseconds: number): void {
    if (milliseconds <= 0) return this.add(key);
    const id = formatKey(key);
    const at = this.#options.clock.now() + milliseconds;
    const earlier = this.#waiting.get(id);
    if (earlier && earlier.at <= at) return;
    this.#waiting.set(id, { key, at });
    this.#setTimer(at);
  }

  /** Puts a key in line again after it failed, later each time, until {@link forget}. */
  retry(key: ObjectKey): void {
    const id = formatKey(key);
    const failures = this.#failures.get(id) ?? 0;
    this.#failures.set(id, failures + 1);
    this.addAfter(key, backoff(failures, { ...RETRY, random: this.#options.random }));
  }

  /** Says that a key has succeeded, or needs no more tries. */
  forget(key: ObjectKey): void {
    this.#failures.delete(formatKey(key));
  }

  /** Hands out no key for a time, in milliseconds; keys can be added meanwhile. */
  hold(milliseconds: number): void {
    const until = this.#options.clock.now() + milliseconds;
    if (this.#hold && this.#hold.until >= until) return;
    this.#hold?.cancel();
    const cancel = this.#options.clock.setTimer(milliseconds, () => {
      this.#hold = undefined;
      for (const take of [...this.#takers]) take();
    });
    this.#hold = { until, cancel };
  }

  /**
   * Takes the next key; call {@link done} with it when the work is over.
   *
   * @returns `undefined` when the signal aborts.
   */
  async get(signal: AbortSignal): Promise<ObjectKey | undefined> {
    for (;;) {
      if (signal.aborted) return undefined;
      const key = this.#take();
      if (key) return key;
      await this.#nextAdd(signal);
    }
  }

  /** Ends the work on a key that {@link get} gave. */
  done(key: ObjectKey): void {
    const id = formatKey(key);
    this.#active.delete(id);
    const again = this.#again.get(id);
    if (!again) return;
    this.#again.delete(id);
    this.add(again);
  }

  /** Cancels the timers; keys that wait for their time are not handed out any more. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#hold?.cancel();
    this.#hold = undefined;
    this.#waiting.clear();
  }

  #take(): ObjectKey | undefined {
    const next = this.#ready.entries().next().value;
    if (!next || this.#hold) return undefined;
    const [namespace, keys] = next;
    const [id, key] = keys.entries().next().value as [string, ObjectKey];
    keys.delete(id);
    // To the end of the line, so that a namespace with thousands of keys doesn't hold up the others.
    this.#ready.delete(namespace);
    if (keys.size > 0) this.#ready.set(namespace, keys);
    this.#active.add(id);
    return key;
  }

  #nextAdd(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        this.#takers.delete(finish);
        signal.removeEventListener("abort", finish);
        resolve();
      };
      this.#takers.add(finish);
      signal.addEventListener("abort", finish, { once: true });
    });
  }

  #setTimer(at: number): void {
    if (this.#timer && this.#timer.at <= at) return;
    this.#timer?.cancel();
    const cancel = this.#options.clock.setTimer(at - this.#options.clock.now(), () => this.#releaseDue());
    this.#timer = { at, cancel };
  }

  #releaseDue(): void {
    this.#timer = undefined;
    const now = this.#options.clock.now();
    let earliest = Number.POSITIVE_INFINITY;
    for (const [id, { key, at }] of this.#waiting) {
      if (at <= now) {
        this.#waiting.delete(id);
        this.add(key);
      } else {
        earliest = Math.min(earliest, at);
      }
    }
    if (earliest < Number.POSITIVE_INFINITY) this.#setTimer(earliest);
  }
}
