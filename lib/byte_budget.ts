/**
 * A limit on how many bytes of payload are in memory at the same time.
 *
 * @module
 */

/** Bytes that are held; dispose of it (`using`) to give them back. */
export interface Reservation extends Disposable {
  /** Gives back what is not needed after all. */
  shrink(bytes: number): void;
}

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
}

/** Hands out bytes in the order of asking; who asks for more than there is in all gets it alone. */
export class ByteBudget {
  readonly #total: number;
  readonly #waiters: Waiter[] = [];
  #held = 0;

  /**
   * Makes a budget.
   *
   * @param total Bytes that may be held together.
   */
  constructor(total: number) {
    this.#total = total;
  }

  /** Bytes that are held at this moment. */
  get held(): number {
    return this.#held;
  }

  /**
   * Waits until so many bytes are free, and holds them.
   *
   * @throws The signal's reason when it aborts first.
   */
  async reserve(bytes: number, { signal }: { signal: AbortSignal }): Promise<Reservation> {
    signal.throwIfAborted();
    if (this.#waiters.length > 0 || !this.#fits(bytes)) await this.#wait(bytes, signal);
    else this.#held += bytes;
    let held = bytes;
    const shrink = (to: number) => {
      const freed = Math.max(0, held - to);
      held -= freed;
      this.#held -= freed;
      this.#admit();
    };
    return { shrink, [Symbol.dispose]: () => shrink(0) };
  }

  #fits(bytes: number): boolean {
    return this.#held === 0 || this.#held + bytes <= this.#total;
  }

  #wait(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        bytes,
        admit: () => {
          signal.removeEventListener("abort", abort);
          this.#held += bytes;
          resolve();
        },
      };
      const abort = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal.reason);
        // Who stood behind may need less.
        this.#admit();
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  #admit(): void {
    for (let next = this.#waiters[0]; next && this.#fits(next.bytes); next = this.#waiters[0]) {
      this.#waiters.shift();
      next.admit();
    }
  }
}
