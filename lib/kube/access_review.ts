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

/**
 * Makes a reviewer. Its cache holds hashes of tokens, never tokens. It logs when reviews start to fail, and when they
 * work again.
 */
export function createAccessReviewer(options: AccessReviewerOptions): AccessReviewer {
  const { path, clock, log, signal } = options;
  // Two caches, so that no number of denied tokens evicts an allowed one.
  const allowed = new Map<string, CachedVerdict>();
  const denied = new Map<string, CachedVerdict>();
  const pending = new Map<string, Promise<Verdict>>();
  const isWithinRate = createRateLimit({ clock, ...RATE_LIMIT });
  let failing = false;

  async function ask(key: string, token: string): Promise<Verdict> {
    try {
      const verdict = await reviewToken(options, token);
      if (failing) log.info("Token reviews work again", { path });
      failing = false;
      cache(key, verdict);
      return verdict;
    } catch (error) {
      if (!failing && !signal.aborted) {
        const help = isForbidden(error) && { help: PERMISSIONS_HELP };
        log.warn("Token review failed", { path, error: describeError(error), ...help });
      }
      failing = true;
      throw new AppError("access-not-reviewed", "Cannot check who may read this", { cause: error });
    } finally {
      pending.delete(key);
    }
  }

  function cache(key: string, verdict: Verdict): void {
    const [verdicts, ttlMs] = verdict === "allowed" ? [allowed, ALLOWED_TTL_MS] : [denied, DENIED_TTL_MS];
    allowed.delete(key);
    verdicts.set(key, { verdict, expiresAt: clock.monotonic() + ttlMs });
    const [oldest] = verdicts.keys();
    if (verdicts.size > MAX_CACHED && oldest !== undefined) verdicts.delete(oldest);
  }

  return {
    async review(token) {
      const key = createHash("sha256").update(token).digest("base64");
      const cached = allowed.get(key) ?? denied.get(key);
      if (cached !== undefined && clock.monotonic() < cached.expiresAt) return cached.verdict;
      let answer = pending.get(key);
      if (answer === undefined) {
        // Tokens that were allowed before are exempt from the limits: there are few.
        const mayAsk = allowed.has(key) || pending.size < MAX_CONCURRENT && isWithinRate();
        if (!mayAsk) throw new AppError("too-many-reviews", "Too many new tokens: retry later");
        answer = ask(key, token);
        pending.set(key, answer);
      }
      return await answer;
    },
  };
}

const PERMISSIONS_HELP =
  "Grant the verb create on tokenreviews.authentication.k8s.io and subjectaccessreviews.authorization.k8s.io, " +
  "or set METRICS_SECURE=false and let only Prometheus reach the address";

interface TokenReviewStatus {
  readonly authenticated?: boolean;
  /** But for the name, its fields are those of a SubjectAccessReview. */
  readonly user?: { readonly username?: string; readonly [field: string]: unknown };
}

async function reviewToken({ client, path, signal }: AccessReviewerOptions, token: string): Promise<Verdict> {
  const identity = await client.ask<TokenReviewStatus>(RESOURCES.tokenReviews, { token }, { signal });
  if (identity.authenticated !== true || identity.user === undefined) return "unknown";
  const { username, ...rest } = identity.user;
  const spec = { user: username, ...rest, nonResourceAttributes: { path, verb: "get" } };
  const access = await client.ask<{ allowed: boolean }>(RESOURCES.subjectAccessReviews, spec, { signal });
  return access.allowed === true ? "allowed" : "forbidden";
}
