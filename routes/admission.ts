/**
 * How much of the program a request may take: environments share places, bytes and the event loop, so that a busy or hostile
 * one leaves some for others.
 *
 * @module
 */
import { type Clock, deadline } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import { FairGate } from "../lib/fair_gate.ts";
import { FairShare, LARGEST_PART, type Share } from "../lib/fair_share.ts";
import { FairTurns } from "../lib/fair_turns.ts";

/** How much there is for all requests together. */
export interface AdmissionLimits {
  /** How many requests are served at the same time. */
  readonly maxInFlight: number;
  /** Bodies in memory at the same time, in bytes, until their messages are confirmed. */
  readonly maxBufferedBytes: number;
  /** How many environments' large bodies are received at the same time; each takes tens of megabytes on its way. */
  readonly maxLargeBodies: number;
  /** How long a large body waits for that, in milliseconds. */
  readonly largeBodyWaitMs: number;
}

/** Lets requests in. */
export class Admission {
  readonly #clock: Clock;
  readonly #places: FairShare;
  readonly #bytes: FairShare;
  readonly #turns: FairTurns;
  readonly #gate: FairGate;
  readonly #largeWaitMs: number;

  /** Makes it with no request inside. */
  constructor(limits: AdmissionLimits, clock: Clock) {
    const { maxInFlight, maxBufferedBytes, maxLargeBodies, largeBodyWaitMs } = limits;
    this.#clock = clock;
    this.#gate = new FairGate(maxLargeBodies);
    this.#largeWaitMs = largeBodyWaitMs;
    this.#places = new FairShare({ total: maxInFlight, least: 1 });
    // Whoever is alone may send the largest body, and still there is room for the small ones of others.
    this.#bytes = new FairShare({
      total: maxBufferedBytes,
      least: Math.floor(maxBufferedBytes * LARGEST_PART),
    });
    this.#turns = new FairTurns(clock);
  }

  /** How many requests are inside. */
  get requests(): number {
    return this.#places.held;
  }

  /** How many bytes they hold. */
  get bytes(): number {
    return this.#bytes.held;
  }

  /**
   * Lets a request in; dispose of it (`using`) when it is answered.
   *
   * @throws {AppError} Code `too-many-in-flight`.
   */
  admit(namespace: string): Admitted {
    const place = this.#places.open(namespace);
    if (!place.resize(1)) {
      throw new AppError(
        "too-many-in-flight",
        "Too many requests are being served, of all environments or of this one: send it again later",
      );
    }
    const bytes = this.#bytes.open(namespace);
    return {
      holdBytes: (size) => holdBytes(bytes, size),
      inTurn: (work) => this.#turns.run(namespace, work),
      enterLarge: () => this.#enterLarge(namespace),
      [Symbol.dispose]: () => {
        bytes[Symbol.dispose]();
        place[Symbol.dispose]();
      },
    };
  }

  async #enterLarge(namespace: string): Promise<Disposable> {
    using limit = deadline(this.#clock, this.#largeWaitMs);
    try {
      return await this.#gate.enter(namespace, limit.signal);
    } catch {
      throw new AppError(
        "too-many-large",
        "Too many large bodies are being received, of all environments or of this one: send it again later",
      );
    }
  }
}

/** A request that was let in. */
export interface Admitted extends Disposable {
  /**
   * Has the request hold so many bytes instead of those that it held before.
   *
   * @throws {AppError} Code `too-many-bytes` while there is no room for them; `needs-too-many-bytes` when there never is.
   */
  holdBytes(size: number): void;
  /** Does a long piece of work when it is the environment's turn. */
  inTurn(work: () => void): Promise<void>;
  /**
   * Waits for its turn to receive a large body; dispose of the place when the body has become a message.
   *
   * @throws {AppError} Code `too-many-large`, when others take too long.
   */
  enterLarge(): Promise<Disposable>;
}

function holdBytes(share: Share, size: number): void {
  if (share.resize(size)) return;
  if (size > share.most) {
    throw new AppError(
      "needs-too-many-bytes",
      `The request needs more than ${share.most} bytes of memory: send the items in several requests`,
    );
  }
  throw new AppError(
    "too-many-bytes",
    "Too many bytes of requests are being served, of all environments or of this one: send it again later",
  );
}
