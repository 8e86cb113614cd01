/**
 * Limits that environments share: a busy one delays or rejects its own requests, not those of others.
 *
 * @module
 */

import { type Clock, unlessAborted } from "../lib/clock.ts";

/**
 * Slots for requests. With n environments active, each may hold at most 1/(n + 1) of the slots, so that some stay free for
 * one more.
 */
export class FairSlots {
  readonly #total: number;
  readonly #mostEach: number;
  readonly #usedBy = new Map<string, number>();
  #used = 0;

  /** Makes slots that are all free; `total` is their number for all environments, `mostEach` for one. */
  constructor(total: number, mostEach = total) {
    this.#total = total;
    this.#mostEach = mostEach;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes a slot until the result is disposed of, once; undefined when no slot is free for this environment. */
  take(environment: string): Disposable | undefined {
    if (!this.hasFree(environment)) return undefined;
    this.#add(environment, 1);
    return { [Symbol.dispose]: () => this.#add(environment, -1) };
  }

  /** Whether a slot is free for this environment. */
  hasFree(environment: string): boolean {
    const used = this.#usedBy.get(environment) ?? 0;
    const environments = this.#usedBy.size + (used === 0 ? 1 : 0);
    const share = Math.max(1, Math.min(this.#mostEach, Math.floor(this.#total / (environments + 1))));
    return used < share && this.#used < this.#total;
  }

  #add(environment: string, change: number): void {
    const used = (this.#usedBy.get(environment) ?? 0) + change;
    if (used === 0) this.#usedBy.delete(environment);
    else this.#usedBy.set(environment, used);
    this.#used += change;
  }
}

interface Waiting {
  readonly environment: string;
  enter(): void;
}

/** Environments whose time is remembered at a gate. */
const MAX_REMEMBERED = 1000;

/** Limits of a gate. */
export interface GateLimits {
  /** Number of environments that may be inside. */
  readonly capacity: number;
  /** Requests that may wait, of all environments and of one. @default any number */
  readonly maxWaiting?: number;
  readonly maxWaitingEach?: number;
}

/**
 * Lets a few requests at a time do what takes much memory or time: one per environment. The environment that was inside for the
 * shortest time comes first, then the request that came first.
 */
export class FairGate {
  readonly #capacity: number;
  readonly #clock: Clock;
  readonly #queue: FairSlots;
  readonly #inside = new Set<string>();
  readonly #waiting = new Set<Waiting>();
  /** How long environments were inside since the gate was last empty, in milliseconds. */
  readonly #used = new Map<string, number>();

  /** Makes an empty gate. */
  constructor({ capacity, maxWaiting = Infinity, maxWaitingEach = Infinity }: GateLimits, clock: Clock) {
    this.#capacity = capacity;
    this.#clock = clock;
    this.#queue = new FairSlots(maxWaiting, maxWaitingEach);
  }

  /**
   * Waits to enter; dispose of the result to leave.
   *
   * @throws {RangeError} At once, when too many are waiting.
   * @throws The signal's reason when it aborts first.
   */
  async enter(environment: string, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    using slot = this.#queue.take(environment);
    if (slot === undefined) throw new RangeError("Too many requests are waiting");
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting: Waiting = { environment, enter: resolve };
    this.#waiting.add(waiting);
    this.#admit();
    await unlessAborted(promise, signal).finally(() => this.#waiting.delete(waiting));
    const enteredAt = this.#clock.monotonic();
    return { [Symbol.dispose]: () => this.#leave(environment, this.#clock.monotonic() - enteredAt) };
  }

  /** Whether an environment's next request could not even wait. */
  isFull(environment: string): boolean {
    return !this.#queue.hasFree(environment);
  }

  /** Whether an environment that is not inside is waiting. */
  get isContended(): boolean {
    return this.#waiting.values().some(({ environment }) => !this.#inside.has(environment));
  }

  #leave(environment: string, milliseconds: number): void {
    this.#inside.delete(environment);
    const used = (this.#used.get(environment) ?? 0) + milliseconds;
    if (this.#inside.size + this.#waiting.size === 0 || this.#used.size >= MAX_REMEMBERED) this.#used.clear();
    else this.#used.set(environment, used);
    this.#admit();
  }

  #admit(): void {
    if (this.#inside.size >= this.#capacity) return;
    let next: Waiting | undefined;
    for (const waiting of this.#waiting) {
      if (this.#inside.has(waiting.environment)) continue;
      if (next === undefined || this.#usedBy(waiting) < this.#usedBy(next)) next = waiting;
    }
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.#inside.add(next.environment);
    next.enter();
    this.#admit();
  }

  #usedBy({ environment }: Waiting): number {
    return this.#used.get(environment) ?? 0;
  }
}
