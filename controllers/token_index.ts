/**
 * Tracks, from watches alone, which Lagoon namespaces hold a good token Secret. A start among thousands of good ones
 * then reads and writes none of them again.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { LABELS, type Labels, TOKEN_SECRET } from "../lib/lagoon.ts";

/** The parts of a token Secret that decide whether it is good, as Kubernetes encodes them. */
export interface TokenSecret {
  readonly labels: Labels;
  readonly data: Readonly<Record<string, string>>;
}

/** Whether a Secret holds what it should: our labels and exactly the expected token. */
export function isGood(found: TokenSecret, expected: TokenSecret): boolean {
  return digest(found) === digest(expected);
}

/** Of what we write; other labels and keys may be anything. */
function digest({ labels, data }: TokenSecret): string {
  const ours = [labels[LABELS.insightsToken], labels[LABELS.dynamicSecret], data[TOKEN_SECRET.key]];
  return createHash("sha256").update(JSON.stringify(ours)).digest("base64url");
}

/** Digests, which take less memory than tokens and hold no secret. */
interface Entry {
  /** Set while the namespace is a Lagoon environment. */
  readonly expected?: string | undefined;
  /** Set while there is a Secret. */
  readonly found?: string | undefined;
}

/** One small entry for each namespace that is a Lagoon environment or has a token Secret. */
export class TokenIndex {
  readonly #entries = new Map<string, Entry>();
  readonly #unlisted = new Set<"namespaces" | "secrets">(["namespaces", "secrets"]);
  readonly #onBad: (namespace: string) => void;

  /**
   * Makes an empty index.
   *
   * @param onBad Called with each Lagoon namespace whose Secret is missing or wrong, possibly repeatedly.
   */
  constructor(onBad: (namespace: string) => void) {
    this.#onBad = onBad;
  }

  /** Lagoon namespaces, by whether they hold a good Secret. */
  get counts(): { readonly current: number; readonly outstanding: number } {
    const environments = [...this.#entries.values()].filter(({ expected }) => expected !== undefined);
    const current = environments.filter(({ expected, found }) => expected === found).length;
    return { current, outstanding: environments.length - current };
  }

  /** Sets what a namespace's Secret should hold: nothing if it is gone or not a Lagoon environment. */
  setNamespace(namespace: string, expected: TokenSecret | undefined): void {
    this.#update(namespace, { ...this.#entries.get(namespace), expected: expected && digest(expected) });
  }

  /** Sets what a namespace's Secret holds. */
  setSecret(namespace: string, found: TokenSecret | undefined): void {
    this.#update(namespace, { ...this.#entries.get(namespace), found: found && digest(found) });
  }

  /** Ends a complete list. Before both lists are complete, a missing Secret may just not have been listed yet. */
  setListed(kind: "namespaces" | "secrets"): void {
    this.#unlisted.delete(kind);
    for (const [namespace, entry] of this.#entries) this.#check(namespace, entry);
  }

  #update(namespace: string, entry: Entry): void {
    if (entry.expected === undefined && entry.found === undefined) this.#entries.delete(namespace);
    else this.#entries.set(namespace, entry);
    this.#check(namespace, entry);
  }

  #check(namespace: string, { expected, found }: Entry): void {
    const isBad = expected !== undefined && expected !== found;
    if (isBad && this.#unlisted.size === 0) this.#onBad(namespace);
  }
}
