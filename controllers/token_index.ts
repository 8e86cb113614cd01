/**
 * What is known, from watches alone, of each Lagoon namespace and its token Secret: just enough to tell the good ones
 * without asking the API server, so that a start among thousands of them writes nothing and reads nothing twice.
 *
 * @module
 */
import { type Environment, TOKEN_SECRET } from "../lib/lagoon.ts";

/** The parts of a token Secret that tell whether it is good. */
export interface SeenSecret {
  /** Labels, as Kubernetes gives them. */
  readonly labels: Readonly<Record<string, string>>;
  /** Base64, as Kubernetes gives it. */
  readonly data: Readonly<Record<string, string>>;
}

/** Options of {@link TokenIndex}. */
export interface TokenIndexOptions {
  /** Labels that a Secret must have. */
  readonly labels: Readonly<Record<string, string>>;
  /** The token that an environment's Secret must hold. */
  readonly expectedToken: (environment: Environment) => string;
  /** Takes the namespaces whose Secret wants a look. */
  readonly onDoubt: (namespace: string) => void;
}

interface Entry {
  environment: Environment;
  good: boolean;
}

/** Keeps one small entry for each Lagoon namespace, and no token that is as it should be. */
export class TokenIndex {
  readonly #options: TokenIndexOptions;
  readonly #entries = new Map<string, Entry>();
  /** Secrets that were listed before their namespaces; empty once both lists have gone through. */
  readonly #early = new Map<string, SeenSecret>();
  readonly #listed = { namespaces: false, secrets: false };
  #good = 0;

  /** Makes an empty index. */
  constructor(options: TokenIndexOptions) {
    this.#options = options;
  }

  /** Lagoon namespaces, and those of them whose Secret holds the token that it should. */
  get counts(): { readonly namespaces: number; readonly good: number } {
    return { namespaces: this.#entries.size, good: this.#good };
  }

  /** A namespace is there, as an environment or not. */
  setNamespace(namespace: string, environment: Environment | undefined): void {
    if (!environment) return this.removeNamespace(namespace);
    const entry = this.#entries.get(namespace);
    if (entry && isSame(entry.environment, environment)) {
      if (!entry.good) this.#doubt(namespace);
      return;
    }
    if (entry) this.#setGood(entry, false);
    this.#entries.set(namespace, { environment, good: false });
    const early = this.#early.get(namespace);
    if (early) this.setSecret(namespace, early);
    else this.#doubt(namespace);
  }

  /** A namespace is gone, or no environment any more. */
  removeNamespace(namespace: string): void {
    const entry = this.#entries.get(namespace);
    if (entry) this.#setGood(entry, false);
    this.#entries.delete(namespace);
  }

  /** A namespace's token Secret is there, or is not. */
  setSecret(namespace: string, secret: SeenSecret | undefined): void {
    const entry = this.#entries.get(namespace);
    if (!entry) {
      if (secret && !this.#isListed()) this.#early.set(namespace, secret);
      return;
    }
    this.#setGood(entry, secret !== undefined && this.#isGood(secret, entry.environment));
    if (!entry.good) this.#doubt(namespace);
  }

  /** All of one kind have been told of: once both have, whatever is not known to be good wants a look. */
  setListed(kind: "namespaces" | "secrets"): void {
    this.#listed[kind] = true;
    if (!this.#isListed()) return;
    this.#early.clear();
    for (const [namespace, { good }] of this.#entries) {
      if (!good) this.#options.onDoubt(namespace);
    }
  }

  #isListed(): boolean {
    return this.#listed.namespaces && this.#listed.secrets;
  }

  /** Before both lists have gone through, a Secret that is not known may only not have been told of yet. */
  #doubt(namespace: string): void {
    if (this.#isListed()) this.#options.onDoubt(namespace);
  }

  #isGood({ labels, data }: SeenSecret, environment: Environment): boolean {
    // A token has only characters that btoa() knows.
    const token = btoa(this.#options.expectedToken(environment));
    return data[TOKEN_SECRET.key] === token &&
      Object.entries(this.#options.labels).every(([name, value]) => labels[name] === value);
  }

  #setGood(entry: Entry, good: boolean): void {
    this.#good += Number(good) - Number(entry.good);
    entry.good = good;
  }
}

function isSame(a: Environment, b: Environment): boolean {
  return a.environmentId === b.environmentId && a.projectName === b.projectName &&
    a.environmentName === b.environmentName;
}
