/**
 * One limit of time for many waits that overlap. A single timer runs, for the wait that began first, where a timer and a
 * signal for each of thousands of waits a second would be most of their cost.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** A wait that is limited; dispose of it (`using`) when it is over. */
export type Wait = Disposable;

interface Waiting {
  /** By the clock, in milliseconds. */
  readonly endsAt: number;
  readonly onTimeout: () => void;
}

/** Limits waits. */
export class Timeouts {
  readonly #clock: Clock;
  readonly #milliseconds: number;
  /** In the order of their beginnings, and so of their ends. */
  readonly #waiting = new Set<Waiting>();
  #cancelTimer: (() => void) | undefined;

  /**
   * Makes a limit.
   *
   * @param milliseconds How long each wait may take.
   */
  constructor(clock: Clock, milliseconds: number) {
    this.#clock = clock;
    this.#milliseconds = milliseconds;
  }

  /** Begins a wait; `onTimeout` is called unless it ends in time. */
  start(onTimeout: () => void): Wait {
    const waiting = { endsAt: this.#clock.now() + this.#milliseconds, onTimeout };
    this.#waiting.add(waiting);
    this.#cancelTimer ??= this.#clock.setTimer(this.#milliseconds, () => this.#expire());
    return { [Symbol.dispose]: () => this.#end(waiting) };
  }

  #end(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    // Nothing is left behind when nobody waits; while somebody does, the timer may come for one that has ended.
    if (this.#waiting.size === 0) this.#stopTimer();
  }

  #expire(): void {
    this.#cancelTimer = undefined;
    const now = this.#clock.now();
    for (const waiting of this.#waiting) {
      if (waiting.endsAt > now) {
        this.#cancelTimer = this.#clock.setTimer(waiting.endsAt - now, () => this.#expire());
        return;
      }
      this.#waiting.delete(waiting);
      waiting.onTimeout();
    }
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}
