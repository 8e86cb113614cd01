/**
 * Whether Kubernetes allows the holder of a token to read a path: a TokenReview tells who it is, and a
 * SubjectAccessReview what they may do. Answers are kept for a while, and questions are limited, so that nobody can ask the
 * API server more than a little by sending us tokens.
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

/** May read it; is somebody who may not; or is nobody that Kubernetes knows. */
export type Verdict = "allowed" | "forbidden" | "unknown";

/** Reviews tokens. */
export interface AccessReviewer {
  /**
   * Tells whether a token's holder may `get` the path.
   *
   * @throws {AppError} Code `too-many-reviews` when so many tokens are new that the API server is not asked about this
   * one, and `access-not-reviewed` when it could not be asked.
   */
  review(token: string): Promise<Verdict>;
}

/** What {@link createAccessReviewer} needs. */
export interface AccessReviewerOptions {
  /** Asks the API server. */
  readonly client: Pick<KubeClient, "ask">;
  /** What is to be read, such as `/metrics`. */
  readonly path: string;
  /** Time. */
  readonly clock: Clock;
  /** Told once when the API server can't be asked, and once when it can again. */
  readonly log: Logger;
  /** Ends questions that are on their way. */
  readonly signal: AbortSignal;
}

/** How long an answer counts, in milliseconds. */
const ALLOWED_MS = 60_000;
const REFUSED_MS = 30_000;

/** Most answers that are kept, of those that allow and of the others. */
const MOST_ANSWERS = 128;

/** So many new tokens at once, and then one in each interval. */
const BURST = 20;
const INTERVAL_MS = 500;

/** Most tokens that are asked about at the same time. */
const MOST_AT_ONCE = 4;

interface Answer {
  readonly verdict: Verdict;
  readonly until: number;
}

/** Makes a reviewer. It keeps hashes of tokens, and no token. */
export function createAccessReviewer(options: AccessReviewerOptions): AccessReviewer {
  const { clock } = options;
  // Apart, so that no number of tokens that are refused drives out one that is allowed.
  const allowed = new Map<string, Answer>();
  const refused = new Map<string, Answer>();
  const asking = new Map<string, Promise<Verdict>>();
  const takeTurn = createAllowance(clock);
  const ask = createQuestion(options);

  /** Who was allowed is asked about again whatever others send: there are few of them. */
  function mayAsk(key: string): boolean {
    return allowed.has(key) || asking.size < MOST_AT_ONCE && takeTurn();
  }

  async function askAndKeep(key: string, token: string): Promise<Verdict> {
    try {
      const verdict = await ask(token);
      const isAllowed = verdict === "allowed";
      allowed.delete(key);
      keep(isAllowed ? allowed : refused, key, {
        verdict,
        until: clock.now() + (isAllowed ? ALLOWED_MS : REFUSED_MS),
      });
      return verdict;
    } finally {
      asking.delete(key);
    }
  }

  return {
    async review(token) {
      const key = createHash("sha256").update(token).digest("base64");
      const answer = allowed.get(key) ?? refused.get(key);
      if (answer !== undefined && clock.now() < answer.until) return answer.verdict;
      const asked = asking.get(key);
      if (asked !== undefined) return await asked;
      if (!mayAsk(key)) {
        throw new AppError("too-many-reviews", "Too many tokens are new: send the request again later");
      }
      const question = askAndKeep(key, token);
      asking.set(key, question);
      return await question;
    },
  };
}

function keep(answers: Map<string, Answer>, key: string, answer: Answer): void {
  answers.set(key, answer);
  const [oldest] = answers.keys();
  if (answers.size > MOST_ANSWERS && oldest !== undefined) answers.delete(oldest);
}

function createAllowance(clock: Clock): () => boolean {
  let count = BURST;
  let at = clock.now();
  return () => {
    const intervals = Math.floor((clock.now() - at) / INTERVAL_MS);
    count = Math.min(BURST, count + intervals);
    at += intervals * INTERVAL_MS;
    if (count === 0) return false;
    count--;
    return true;
  };
}

/** The two questions, and what the log tells when they can't be asked. */
function createQuestion(options: AccessReviewerOptions): (token: string) => Promise<Verdict> {
  const { log, path } = options;
  let failing = false;

  function fail(error: unknown): AppError {
    if (!failing && !options.signal.aborted) {
      log.warn(
        isForbidden(error) ? "Reviews of tokens are forbidden" : "Token not reviewed",
        {
          path,
          error: describeError(error),
          ...(isForbidden(error) && { help: RIGHTS_HELP }),
        },
      );
    }
    failing = true;
    return new AppError("access-not-reviewed", "Cannot find out who may read this", { cause: error });
  }

  return async (token) => {
    try {
      const verdict = await judge(options, token);
      if (failing) log.info("Tokens are reviewed again", { path });
      failing = false;
      return verdict;
    } catch (error) {
      throw fail(error);
    }
  };
}

const RIGHTS_HELP =
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

interface SubjectAccessReviewStatus {
  readonly allowed: boolean;
}

async function judge({ client, path, signal }: AccessReviewerOptions, token: string): Promise<Verdict> {
  const { authenticated, user } = await client.ask<TokenReviewStatus>(
    RESOURCES.tokenReviews,
    { token },
    { signal },
  );
  if (authenticated !== true || user === undefined) return "unknown";
  const { username, uid, groups, extra } = user;
  const { allowed } = await client.ask<SubjectAccessReviewStatus>(
    RESOURCES.subjectAccessReviews,
    { user: username, uid, groups, extra, nonResourceAttributes: { path, verb: "get" } },
    { signal },
  );
  return allowed === true ? "allowed" : "forbidden";
}
