/**
 * Limits that environments share: a busy one delays or rejects its own requests, not those of others.
 *
 * @module
 */

/**
 * Slots for requests. With n environments active, each may hold at most 1/(n + 1) of the slots, so that some stay free for
 * one more.
 */
export class FairSlots {
  readonly #total: number;
  readonly #usedBy = new Map<string, number>();
  #used = 0;

  /** Makes slots that are all free; `total` is their number for all environments. */
  constructor(total: number) {
    this.#total = total;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes a slot until the result is disposed of, once; undefined when no slot is free for this environment. */
  take(environment: string): Disposable | undefined {
    const used = this.#usedBy.get(environment) ?? 0;
    const environments = this.#usedBy.size + (used === 0 ? 1 : 0);
    const share = Math.max(1, Math.floor(this.#total / (environments + 1)));
    if (used >= share || this.#used >= this.#total) return undefined;
    this.#add(environment, 1);
    return { [Symbol.dispose]: () => this.#add(environment, -1) };
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

/** Most requests that wait at a gate, since each holds some 300 kB: its connection, and what has arrived of its body. */
const MAX_WAITING = 40;
const MAX_WAITING_PER_ENVIRONMENT = 8;

/** Lets a few requests at a time do what takes much memory: one per environment, in order of arrival. */
export class FairGate {
  readonly #capacity: number;
  readonly #inside = new Set<string>();
  readonly #waiting = new Set<Waiting>();

  /** Makes an empty gate; `capacity` is the number of environments that may be inside. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /**
   * Waits to enter; dispose of the result to leave.
   *
   * @throws {RangeError} At once, when too many are waiting.
   * @throws The signal's reason when it aborts first.
   */
  async enter(environment: string, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.isFull(environment)) throw new RangeError("Too many requests are waiting");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { environment, enter: resolve };
    const giveUp = () => {
      this.#waiting.delete(waiting);
      reject(signal.reason);
    };
    signal.addEventListener("abort", giveUp, { once: true });
    this.#waiting.add(waiting);
    this.#admit();
    await promise.finally(() => signal.removeEventListener("abort", giveUp));
    return {
      [Symbol.dispose]: () => {
        this.#inside.delete(environment);
        this.#admit();
      },
    };
  }

  /** Whether an environment's next request could not even wait. */
  isFull(environment: string): boolean {
    const ofEnvironment = [...this.#waiting].filter((other) => other.environment === environment).length;
    return this.#waiting.size >= MAX_WAITING || ofEnvironment >= MAX_WAITING_PER_ENVIRONMENT;
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      if (this.#inside.size >= this.#capacity) return;
      if (this.#inside.has(waiting.environment)) continue;
      this.#waiting.delete(waiting);
      this.#inside.add(waiting.environment);
      waiting.enter();
    }
  }
}
