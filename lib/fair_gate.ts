/**
 * Lets few at a time do what takes much memory: one of each owner, so that an owner with much to do waits for itself and
 * not for others. Who waits goes in the order of coming.
 *
 * @module
 */

interface Waiting {
  readonly owner: string;
  enter(): void;
}

/** A gate for a number of owners. */
export class FairGate {
  readonly #places: number;
  readonly #inside = new Set<string>();
  readonly #waiting = new Set<Waiting>();

  /**
   * Makes a gate with nobody inside.
   *
   * @param places How many owners may be inside at the same time.
   */
  constructor(places: number) {
    this.#places = places;
  }

  /**
   * Waits for a place; dispose of it (`using`) to leave.
   *
   * @throws The signal's reason when it aborts first.
   */
  async enter(owner: string, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { owner, enter: resolve };
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
        this.#inside.delete(owner);
        this.#admit();
      },
    };
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      if (this.#inside.size >= this.#places) return;
      if (this.#inside.has(waiting.owner)) continue;
      this.#waiting.delete(waiting);
      this.#inside.add(waiting.owner);
      waiting.enter();
    }
  }
}
