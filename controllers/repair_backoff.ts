/**
 * Slows down repairs of an object that someone else keeps changing back, such as a replica with another secret.
 *
 * @module
 */
import { backoff, type Clock } from "../lib/clock.ts";

/** Pause after the first repair; doubles with each further one. */
const PAUSE = { baseMs: 2_000, capMs: 300_000 };
/** An object that has needed no repair for this long after its pause starts again with the first pause. */
const QUIET_MS = 600_000;

interface Repairs {
  readonly count: number;
  readonly pauseEnd: number;
}

/** Counts repairs for each object until {@link forget}, regardless of who changed it in between. */
export class RepairBackoff {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #random: () => number;
  readonly #repairs = new Map<string, Repairs>();

  /**
   * Starts without any object.
   *
   * @param random Source of jitter, a number in [0, 1).
   */
  constructor(clock: Pick<Clock, "monotonic">, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Milliseconds until the object may be repaired; 0 or less when it may be now. */
  waitMs(object: string): number {
    const pauseEnd = this.#repairs.get(object)?.pauseEnd ?? Number.NEGATIVE_INFINITY;
    return pauseEnd - this.#clock.monotonic();
  }

  /** Starts the pause after a repair. */
  add(object: string): void {
    const now = this.#clock.monotonic();
    const { count, pauseEnd } = this.#repairs.get(object) ?? { count: 0, pauseEnd: now };
    const previous = now - pauseEnd >= QUIET_MS ? 0 : count;
    const pauseMs = backoff(previous, { ...PAUSE, random: this.#random });
    this.#repairs.set(object, { count: previous + 1, pauseEnd: now + pauseMs });
  }

  /** Call when the object is gone. */
  forget(object: string): void {
    this.#repairs.delete(object);
  }
}
