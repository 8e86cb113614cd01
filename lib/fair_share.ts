/**
 * A limit that several owners share, so that none of them can take all of it.
 *
 * @module
 */

/**
 * The part of the memory for requests that one environment may always have: enough for the largest request, and less than
 * all, so that others have room for small ones.
 */
export const LARGEST_PART = 0.8;

/** What one holder has of it; dispose of it (`using`) to give all of it back. */
export interface Share extends Disposable {
  /** The most that its owner may ever hold, alone in the world. */
  readonly most: number;
  /**
   * Changes how much is held.
   *
   * @returns Whether that much may be held; if not, nothing has changed. Less than before always may.
   */
  resize(amount: number): boolean;
}

/** Options of {@link FairShare}. */
export interface FairShareOptions {
  /** How much there is for all together. */
  readonly total: number;
  /** How much one owner may always have, as long as there is so much left. */
  readonly least: number;
}

/**
 * Hands out parts of a total. An owner may hold one part in n + 1, where n owners hold anything: so there is always a
 * part left for one more.
 */
export class FairShare {
  readonly #options: FairShareOptions;
  readonly #heldBy = new Map<string, number>();
  #held = 0;

  /** Makes a limit of which nothing is held. */
  constructor(options: FairShareOptions) {
    this.#options = options;
  }

  /** How much is held by all together. */
  get held(): number {
    return this.#held;
  }

  /** Begins with nothing for an owner, who may have several shares. */
  open(owner: string): Share {
    let own = 0;
    const resize = (amount: number) => {
      if (amount > own && !this.#mayGrow(owner, amount - own)) return false;
      this.#add(owner, amount - own);
      own = amount;
      return true;
    };
    const { total, least } = this.#options;
    const most = Math.min(total, Math.max(least, Math.floor(total / 2)));
    return { most, resize, [Symbol.dispose]: () => void resize(0) };
  }

  #mayGrow(owner: string, by: number): boolean {
    const heldByOwner = this.#heldBy.get(owner) ?? 0;
    const owners = this.#heldBy.size + (heldByOwner === 0 ? 1 : 0);
    const { total, least } = this.#options;
    const part = Math.max(least, Math.floor(total / (owners + 1)));
    return heldByOwner + by <= part && this.#held + by <= total;
  }

  #add(owner: string, amount: number): void {
    const heldByOwner = (this.#heldBy.get(owner) ?? 0) + amount;
    if (heldByOwner === 0) this.#heldBy.delete(owner);
    else this.#heldBy.set(owner, heldByOwner);
    this.#held += amount;
  }
}
