/**
 * Asks Kubernetes whether a token's holder may read a path: a TokenReview identifies the holder, and a
 * SubjectAccessReview checks their permission. Verdicts are cached and questions are limited, so that unknown tokens
 * cannot load the API server.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Clock } from "../clock.ts";
import { AppError, describeError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { KubeClient } from "./client.ts";
import { isForbidden } from "./errors.ts";
import { RESOURCES } from "./objects.ts";
import { createRateLimit } from "./rate_limit.ts";

/** The holder may read the path, may not, or is not authenticated. */
export type Verdict = "allowed" | "forbidden" | "unknown";

/** Reviews tokens. */
export interface AccessReviewer {
  /**
   * Checks whether a token's holder may `get` the path.
   *
   * @throws {AppError} Code `too-many-reviews` when there are too many new tokens to ask about this one, and
   * `access-not-reviewed` when the API server cannot answer.
   */
  review(token: string): Promise<Verdict>;
}

/** Options of {@link createAccessReviewer}. */
export interface AccessReviewerOptions {
  readonly client: Pick<KubeClient, "ask">;
  /** Such as `/metrics`. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends requests to the API server. */
  readonly signal: AbortSignal;
}

const ALLOWED_TTL_MS = 60_000;
const DENIED_TTL_MS = 30_000;
/** Per cache. */
const MAX_CACHED = 128;
/** For new tokens. */
const RATE_LIMIT = { burst: 20, intervalMs: 500 };
const MAX_CONCURRENT = 4;

interface CachedVerdict {
  readonly verdict: Verdict;
  /** In monotonic milliseconds. */
  readonly expiresAt: number;
}

/** Makes a reviewer. Its cache holds hashes of tokens, never tokens. */
export function createAccessReviewer(options: AccessReviewerOptions): AccessReviewer {
  const { clock } = options;
  // Two caches, so that no number of denied tokens evicts an allowed one.
  const allowed = new Map<string, CachedVerdict>();
  const denied = new Map<string, CachedVerdict>();
  const pending = new Map<string, Promise<Verdict>>();
  const isWithinRate = createRateLimit({ clock, ...RATE_LIMIT });
  const ask = loggedReview(options);

  /** Tokens that were allowed before are exempt from the limits: there are few. */
  function mayAsk(key: string): boolean {
    return allowed.has(key) || pending.size < MAX_CONCURRENT && isWithinRate();
  }

  async function askAndCache(key: string, token: string): Promise<Verdict> {
    try {
      const verdict = await ask(token);
      const [cache, ttlMs] = verdict === "allowed" ? [allowed, ALLOWED_TTL_MS] : [denied, DENIED_TTL_MS];
      allowed.delete(key);
      cache.set(key, { verdict, expiresAt: clock.monotonic() + ttlMs });
      const [oldest] = cache.keys();
      if (cache.size > MAX_CACHED && oldest !== undefined) cache.delete(oldest);
      return verdict;
    } finally {
      pending.delete(key);
    }
  }

  return {
    async review(token) {
      const key = createHash("sha256").update(token).digest("base64");
      const cached = allowed.get(key) ?? denied.get(key);
      if (cached !== undefined && clock.monotonic() < cached.expiresAt) return cached.verdict;
      let answer = pending.get(key);
      if (answer === undefined) {
        if (!mayAsk(key)) throw new AppError("too-many-reviews", "Too many new tokens: retry later");
        answer = askAndCache(key, token);
        pending.set(key, answer);
      }
      return await answer;
    },
  };
}

/** Reviews a token, and logs when reviews start to fail and when they work again. */
function loggedReview(options: AccessReviewerOptions): (token: string) => Promise<Verdict> {
  const { log, path, signal } = options;
  let failing = false;

  return async (token) => {
    try {
      const verdict = await reviewToken(options, token);
      if (failing) log.info("Token reviews work again", { path });
      failing = false;
      return verdict;
    } catch (error) {
      if (!failing && !signal.aborted) {
        const help = isForbidden(error) && { help: PERMISSIONS_HELP };
        log.warn("Token review failed", { path, error: describeError(error), ...help });
      }
      failing = true;
      throw new AppError("access-not-reviewed", "Cannot check who may read this", { cause: error });
    }
  };
}

const PERMISSIONS_HELP =
  "Grant the verb create on tokenreviews.authentication.k8s.io and subjectaccessreviews.authorization.k8s.io, " +
  "or set METRICS_SECURE=false and let only Prometheus reach the address";

interface TokenReviewStatus {
  readonly authenticated?: boolean;
  readonly user?: {
    readonly username?: string;
    readonly uid?: string;
    readonly groups?: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
}

async function reviewToken({ client, path, signal }: AccessReviewerOptions, token: string): Promise<Verdict> {
  const { authenticated, user } = await client.ask<TokenReviewStatus>(
    RESOURCES.tokenReviews,
    { token },
    { signal },
  );
  if (authenticated !== true || user === undefined) return "unknown";
  const { username, uid, groups, extra } = user;
  const { allowed } = await client.ask<{ readonly allowed: boolean }>(
    RESOURCES.subjectAccessReviews,
    { user: username, uid, groups, extra, nonResourceAttributes: { path, verb: "get" } },
    { signal },
  );
  return allowed === true ? "allowed" : "forbidden";
}
