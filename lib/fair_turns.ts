/**
 * Shares the event loop among owners whose work is long: it is done in pieces, owners take turns, and all else that the
 * program has to do gets its time in between.
 *
 * @module
 */
import { type Clock, nextTurn } from "./clock.ts";

/** How long pieces are worked on without a break, in milliseconds; the last one may take longer. */
const SLICE_MS = 5;

/** Work in pieces. */
export class FairTurns {
  readonly #clock: Clock;
  /** Owners in the order in which they are next, each with its pieces in their order. */
  readonly #waiting = new Map<string, (() => void)[]>();
  #isRunning = false;

  /** Begins with nobody waiting. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Does one piece of work when it is the owner's turn.
   *
   * @throws What the work throws.
   */
  run(owner: string, work: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const piece = () => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      };
      const pieces = this.#waiting.get(owner);
      if (pieces) pieces.push(piece);
      else this.#waiting.set(owner, [piece]);
      if (!this.#isRunning) void this.#workOff();
    });
  }

  /** Ends when nobody waits. */
  async #workOff(): Promise<void> {
    this.#isRunning = true;
    do {
      const sliceEnd = this.#clock.now() + SLICE_MS;
      while (this.#waiting.size > 0 && this.#clock.now() < sliceEnd) this.#takePiece()?.();
      // Only after the work: a timer that has run out by then would leave no time for connections.
      await nextTurn();
    } while (this.#waiting.size > 0);
    this.#isRunning = false;
  }

  #takePiece(): (() => void) | undefined {
    for (const [owner, pieces] of this.#waiting) {
      // At the end of the line for its next piece.
      this.#waiting.delete(owner);
      if (pieces.length > 1) this.#waiting.set(owner, pieces.slice(1));
      return pieces[0];
    }
    return undefined;
  }
}
