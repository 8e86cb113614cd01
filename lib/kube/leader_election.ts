/**
 * Leader election: of several replicas, the one that holds a Lease works. The rules are those of client-go, so that
 * operators find what they know. It doesn't fence: what the work itself writes must be conditional on its own.
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
  /** The API server. */
  readonly client: Pick<KubeClient, "get" | "create" | "patch">;
  /** The Lease, which is created when it is not there. */
  readonly key: ObjectKey;
  /** Who we are; no other candidate may have the same identity, or both lead. */
  readonly identity: string;
  /** Measures all times; those in the Lease are for people only, as the clocks of machines differ. */
  readonly clock: Clock;
  /** Source of jitter, a number in [0, 1). */
  readonly random: () => number;
  /** Where leadership and failures are told. */
  readonly log: Logger;
  /** For this long without a renewal the others leave the Lease to its holder. @default {15000} */
  readonly leaseMs?: number;
  /** For this long a leader works without a renewal. @default {10000} */
  readonly renewDeadlineMs?: number;
  /** Time between two tries, to which up to a fifth is added. @default {2000} */
  readonly retryMs?: number;
}

/** What a leader's work gets. */
export interface LeadOptions {
  /** Aborted when the program stops or the lease is lost: nothing new is begun. */
  readonly signal: AbortSignal;
  /** Aborted when the lease is lost, also while the program stops: what is in hand ends at once. */
  readonly killSignal: AbortSignal;
}

/** Options of {@link LeaderElection.run}. */
export interface RunOptions {
  /** Stops the program. */
  readonly signal: AbortSignal;
  /** The work, which resolves when it has stopped. */
  readonly lead: (options: LeadOptions) => Promise<void>;
}

/** One candidate. */
export interface LeaderElection {
  /**
   * Campaigns until the signal aborts, works while leading, and gives the Lease up when the work has finished.
   *
   * @returns `stopped`, or `lost` when the lease was lost; then the process should end with an error, and start anew.
   * @throws Only what `lead` throws.
   */
  run(options: RunOptions): Promise<"stopped" | "lost">;
  /** Whether the work may go on. */
  isLeading(): boolean;
  /** False from the loss of the lease on, as the work may not have noticed. */
  isHealthy(): boolean;
}

const DEFAULTS = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };
/** Keeps candidates from asking in step: a wait is longer by up to this part. */
const JITTER = 0.2;
/** RBAC changes by hand, so asking more often only fills the API server's audit log. */
const FORBIDDEN_RETRY_MS = 60_000;

/**
 * Makes a candidate; nothing is sent before `run`.
 *
 * @throws {RangeError} When the times don't fit together.
 */
export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const settings = { ...DEFAULTS, ...options };
  checkTimes(settings);
  const { clock, log, random, renewDeadlineMs, retryMs } = settings;
  const facts = { lease: formatKey(settings.key), identity: settings.identity };
  const tell = createTeller(log, facts);
  let current: Term | undefined;
  const nextTry = () => retryMs * (1 + JITTER * random());

  async function acquire(lock: LeaseLock, signal: AbortSignal): Promise<Term | undefined> {
    while (!signal.aborted) {
      const term = startTerm(clock, renewDeadlineMs);
      let waitMs = nextTry();
      try {
        const won = await term.extend(() => lock.claim({ renewing: false, stop: signal, kill: term.signal }));
        if (won) return term;
        tell.holder(lock.holder());
      } catch (error) {
        if (!signal.aborted) tell.failure(error);
        waitMs = Math.max(waitMs, askedWait(error));
      }
      term[Symbol.dispose]();
      // An abort ends the wait and, as its only error, the loop.
      await delay(clock, waitMs, signal).catch(() => {});
    }
    return undefined;
  }

  async function renew(lock: LeaseLock, term: Term, stop: AbortSignal): Promise<void> {
    while (!stop.aborted && !term.signal.aborted) {
      await delay(clock, nextTry(), stop).catch(() => {});
      if (stop.aborted || term.signal.aborted) return;
      try {
        const kept = await term.extend(() => lock.claim({ renewing: true, stop, kill: term.signal }));
        if (kept) tell.success();
        else term.lose(`the Lease names "${lock.holder()}" as its holder`);
      } catch (error) {
        if (!stop.aborted && !term.signal.aborted) tell.failure(error);
      }
    }
  }

  async function run({ signal, lead }: RunOptions): Promise<"stopped" | "lost"> {
    current = undefined;
    // Two tries fit into the renew deadline, so that one request that hangs doesn't cost the lease.
    using lock = createLeaseLock({ ...settings, requestMs: renewDeadlineMs / 2 });
    const term = await acquire(lock, signal);
    if (!term) return "stopped";
    current = term;
    log.info("Leading", facts);
    term.signal.addEventListener("abort", () => {
      log.error("Leadership lost", { ...facts, error: describeError(term.signal.reason) });
    });
    // Renewals outlast `signal`: the lease must be ours until the work in hand has finished.
    const finished = new AbortController();
    const renewing = renew(lock, term, finished.signal);
    try {
      const either = AbortSignal.any([signal, term.signal]);
      if (!either.aborted) await lead({ signal: either, killSignal: term.signal });
    } finally {
      finished.abort();
      await renewing;
      term[Symbol.dispose]();
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

type Settings = Required<LeaderElectionOptions>;

function checkTimes({ leaseMs, renewDeadlineMs, retryMs }: Settings): void {
  if (!(leaseMs > renewDeadlineMs)) {
    throw new RangeError("Cannot elect a leader as the lease must be longer than the renew deadline");
  }
  if (!(retryMs > 0 && renewDeadlineMs > retryMs * (1 + JITTER))) {
    throw new RangeError("Cannot elect a leader as the renew deadline must be longer than 1.2 retry times");
  }
}

/** The time for which the Lease is surely ours. */
interface Term extends Disposable {
  /** Aborted when that time is over. */
  readonly signal: AbortSignal;
  lose(why: string): void;
  /** Makes a claim; when it succeeds, the term lasts for its full length from the claim's beginning. */
  extend(claim: () => Promise<boolean>): Promise<boolean>;
}

/** Timers measure it, not readings of the clock, since an operator may set that. */
function startTerm(clock: Clock, lengthMs: number): Term {
  const controller = new AbortController();
  let cancel = () => {};
  const lose = (why: string) =>
    controller.abort(new AppError("lease-lost", `Cannot go on as the leader as ${why}`));
  return {
    signal: controller.signal,
    lose,
    async extend(claim) {
      // Begins before the request: the others count from the moment at which its write arrives, which is later.
      const cancelNext = clock.setTimer(
        lengthMs,
        () => lose(`the Lease was not renewed within ${lengthMs / 1000} s`),
      );
      let superseded = cancelNext;
      try {
        const won = await claim();
        if (won) [superseded, cancel] = [cancel, cancelNext];
        return won;
      } finally {
        superseded();
      }
    },
    [Symbol.dispose]: () => cancel(),
  };
}

/** Tells each thing once, until another one happens: it would be a line every two seconds. */
interface Teller {
  holder(identity: string): void;
  failure(error: unknown): void;
  success(): void;
}

function createTeller(log: Logger, facts: Readonly<Record<string, string>>): Teller {
  let latest = "";
  const isNew = (text: string) => text !== latest && (latest = text) !== "";
  return {
    success: () => void (latest = ""),
    holder: (holder) => {
      if (isNew(`holder ${holder}`)) log.info("Waiting while another one leads", { ...facts, holder });
    },
    failure: (error) => {
      const text = describeError(error);
      // A conflict only means that somebody else was quicker.
      if (isConflict(error) || !isNew(text)) return;
      if (isMissingRole(error)) {
        log.error(MISSING_ROLE, { ...facts, error: text, retryMs: FORBIDDEN_RETRY_MS });
      } else log.warn("Lease not reached", { ...facts, error: text });
    },
  };
}

const MISSING_ROLE = "RBAC forbids the Lease, and without it no work is done: " +
  "grant get, create and patch on leases of coordination.k8s.io, or run one replica without leader-elect";

function isMissingRole(error: unknown): boolean {
  return isForbidden(error) && !isNamespaceTerminating(error);
}

/** How long a candidate leaves the API server alone after a failure, at least. */
function askedWait(error: unknown): number {
  if (isMissingRole(error)) return FORBIDDEN_RETRY_MS;
  return error instanceof KubeError ? error.retryAfterMs ?? 0 : 0;
}
