/**
 * Leader election: of several replicas, the one that holds a Lease works. The rules and times are client-go's. It does
 * not fence, so the work's own writes must be conditional.
 *
 * @module
 */
import { type Clock, delay } from "../clock.ts";
import { AppError, describeError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { KubeClient } from "./client.ts";
import { isConflict, isForbidden, isNamespaceTerminating, KubeError } from "./errors.ts";
import { createLeaseLock, type LeaseLock } from "./lease_lock.ts";
import { formatKey, type ObjectKey } from "./objects.ts";

/** Options of {@link createLeaderElection}. */
export interface LeaderElectionOptions {
  readonly client: Pick<KubeClient, "get" | "create" | "patch">;
  /** The Lease, which is created if it is missing. */
  readonly key: ObjectKey;
  /** Unique among all candidates: two with the same identity would both lead. */
  readonly identity: string;
  readonly clock: Clock;
  /** Source of jitter: a number in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** Options of {@link LeaderElection.run}. */
export interface RunOptions {
  /** Stops the program. */
  readonly signal: AbortSignal;
  /** The leader's work; resolves when it has stopped. */
  readonly lead: (options: LeadOptions) => Promise<void>;
}

/** Signals for a leader's work. */
export interface LeadOptions {
  /** The program stops or the lease is lost: start nothing new. */
  readonly signal: AbortSignal;
  /** The lease is lost, possibly while the program stops: end work in progress, too. */
  readonly killSignal: AbortSignal;
}

/** One candidate. */
export interface LeaderElection {
  /**
   * Campaigns until the signal aborts, works while leading, and releases the Lease when the work has finished.
   *
   * @returns `lost` when the lease was lost: the process should exit with an error and be restarted.
   * @throws Only what `lead` throws.
   */
  run(options: RunOptions): Promise<"stopped" | "lost">;
  /** Whether the work may go on. */
  isLeading(): boolean;
  /** False once the lease is lost, in case the work doesn't end. */
  isHealthy(): boolean;
}

/** After this time without a renewal, other candidates take the Lease. */
const LEASE_MS = 15_000;
/** After this time without a renewal, the leader stops: earlier than others can start. */
const RENEW_DEADLINE_MS = 10_000;
/** Two attempts fit into the renew deadline, so that one hanging request doesn't cost the lease. */
const REQUEST_MS = RENEW_DEADLINE_MS / 2;
const RETRY_MS = 2_000;
/** Up to this fraction is added to RETRY_MS, to keep candidates out of step. */
const JITTER = 0.2;
/** Permissions change by hand; asking more often only fills the API server's audit log. */
const FORBIDDEN_RETRY_MS = 60_000;

/** Makes a candidate; it sends nothing before `run`. */
export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { clock, log, random } = options;
  const facts = { lease: formatKey(options.key), identity: options.identity };
  const state = createStateLog(log, facts);
  const nextTryMs = () => RETRY_MS * (1 + JITTER * random());
  let current: Term | undefined;

  async function acquire(lock: LeaseLock, signal: AbortSignal): Promise<Term | undefined> {
    while (!signal.aborted) {
      const sentAt = clock.monotonic();
      let waitMs = nextTryMs();
      try {
        if (await lock.claim({ renewing: false, stop: signal })) return startTerm(clock, sentAt);
        state.waiting(lock.holder());
      } catch (error) {
        if (!signal.aborted) state.failed(error);
        waitMs = Math.max(waitMs, requestedWaitMs(error));
      }
      // Only an abort rejects, and that ends the loop.
      await delay(clock, waitMs, signal).catch(() => {});
    }
    return undefined;
  }

  async function renew(lock: LeaseLock, term: Term, stop: AbortSignal): Promise<void> {
    const isOver = () => stop.aborted || term.signal.aborted;
    while (!isOver()) {
      await delay(clock, nextTryMs(), stop).catch(() => {});
      if (isOver()) return;
      const sentAt = clock.monotonic();
      try {
        if (await lock.claim({ renewing: true, stop, kill: term.signal })) {
          term.renew(sentAt);
          state.renewed();
        } else {
          term.lose(`the Lease names "${lock.holder()}" as its holder`);
        }
      } catch (error) {
        if (!isOver()) state.failed(error);
      }
    }
  }

  async function run({ signal, lead }: RunOptions): Promise<"stopped" | "lost"> {
    current = undefined;
    const lock = createLeaseLock({ ...options, leaseMs: LEASE_MS, requestMs: REQUEST_MS });
    const term = await acquire(lock, signal);
    if (!term) return "stopped";
    current = term;
    log.info("Leading", facts);
    term.signal.addEventListener("abort", () => {
      log.error("Leadership lost", { ...facts, error: describeError(term.signal.reason) });
    });
    // Renewals outlast `signal`: the lease must be ours until work in progress has finished.
    const finished = new AbortController();
    const renewing = renew(lock, term, finished.signal);
    try {
      const either = AbortSignal.any([signal, term.signal]);
      if (!either.aborted) await lead({ signal: either, killSignal: term.signal });
    } finally {
      finished.abort();
      await renewing;
      term.end();
      if (!term.signal.aborted) {
        current = undefined;
        await lock.release().catch((error) =>
          log.warn("Lease not released", { ...facts, error: describeError(error) })
        );
      }
    }
    return term.signal.aborted ? "lost" : "stopped";
  }

  return {
    run,
    isLeading: () => current?.signal.aborted === false,
    isHealthy: () => current?.signal.aborted !== true,
  };
}

/** The time for which the Lease is certainly ours. */
interface Term {
  /** Aborted when that time is over. */
  readonly signal: AbortSignal;
  lose(why: string): void;
  /** Starts the term again, from the monotonic time at which the renewal was sent. */
  renew(sentAt: number): void;
  /** Cancels the timer. */
  end(): void;
}

/** Counts from when a claim is sent: others count from when its write arrives, which is later. */
function startTerm(clock: Clock, sentAt: number): Term {
  const controller = new AbortController();
  let cancel = () => {};
  const term: Term = {
    signal: controller.signal,
    lose: (why) => controller.abort(new AppError("lease-lost", `Cannot go on as the leader as ${why}`)),
    renew(sentAt) {
      cancel();
      const expire = () => term.lose(`the Lease was not renewed within ${RENEW_DEADLINE_MS / 1000} s`);
      const leftMs = sentAt + RENEW_DEADLINE_MS - clock.monotonic();
      if (leftMs <= 0) expire();
      else cancel = clock.setTimer(leftMs, expire);
    },
    end: () => cancel(),
  };
  term.renew(sentAt);
  return term;
}

/** Logs a state when it begins, not at each attempt. */
function createStateLog(log: Logger, facts: Readonly<Record<string, string>>) {
  let logged = "";
  function once(text: string, write: () => void): void {
    if (text !== logged) write();
    logged = text;
  }
  return {
    renewed: () => {
      logged = "";
    },
    waiting: (holder: string) =>
      once(`waiting for ${holder}`, () => log.info("Waiting, another replica leads", { ...facts, holder })),
    failed: (error: unknown) => {
      // A conflict means only that another candidate was faster.
      if (isConflict(error)) return;
      const text = describeError(error);
      once(text, () => {
        if (isMissingPermission(error)) {
          log.error(MISSING_PERMISSION, { ...facts, error: text, retryMs: FORBIDDEN_RETRY_MS });
        } else log.warn("Lease not reached", { ...facts, error: text });
      });
    },
  };
}

const MISSING_PERMISSION = "RBAC forbids the Lease, so this replica does not work: " +
  "grant get, create and patch on leases of coordination.k8s.io, or run one replica without leader-elect";

function isMissingPermission(error: unknown): boolean {
  return isForbidden(error) && !isNamespaceTerminating(error);
}

/** Minimum wait after a failure. */
function requestedWaitMs(error: unknown): number {
  if (isMissingPermission(error)) return FORBIDDEN_RETRY_MS;
  return error instanceof KubeError ? error.retryAfterMs ?? 0 : 0;
}
