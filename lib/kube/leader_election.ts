/**
 * Leader election: of several replicas, the one that holds a Lease works. The rules and times are client-go's. It does
 * not fence, so the work's own writes must be conditional.
 *
 * @module
 */
import { type Clock, delay } from "../clock.ts";
import { AppError, describeError } from "../errors.ts";
import type { LogFields, Logger } from "../log.ts";
import { isConflict, isForbidden, isNamespaceTerminating, retryAfterOf } from "./errors.ts";
import { createLeaseLock, type LeaseLockOptions } from "./lease_lock.ts";
import { formatKey } from "./objects.ts";

/** Options of {@link createLeaderElection}. */
export interface LeaderElectionOptions extends LeaseLockOptions {
  /** Source of jitter: a number in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
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
   * Campaigns until `signal` aborts, runs `lead` while leading, and releases the Lease when `lead` has finished.
   *
   * @returns `lost` when the lease was lost: the process should exit with an error and be restarted.
   * @throws Only what `lead` throws.
   */
  run(options: {
    readonly signal: AbortSignal;
    readonly lead: (options: LeadOptions) => Promise<void>;
  }): Promise<"stopped" | "lost">;
  /** Whether the work may go on. */
  isLeading(): boolean;
  /** False once the lease is lost, in case the work doesn't end. */
  isHealthy(): boolean;
}

/** After this time without a renewal, the leader stops: earlier than others can start. */
const RENEW_DEADLINE_MS = 10_000;
const RETRY_MS = 2_000;
/** Up to this fraction is added to RETRY_MS, to keep candidates out of step. */
const JITTER = 0.2;
/** Permissions change by hand; asking more often only fills the API server's audit log. */
const FORBIDDEN_RETRY_MS = 60_000;

const MISSING_PERMISSION = "RBAC forbids the Lease, so this replica does not work: " +
  "grant get, create and patch on leases of coordination.k8s.io, or run one replica without leader-elect";

/** Makes a candidate; it sends nothing before `run`. */
export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { clock, log, random } = options;
  const facts = { lease: formatKey(options.key), identity: options.identity };
  const lock = createLeaseLock(options);
  const nextTryMs = () => RETRY_MS * (1 + JITTER * random());
  let term: Term | undefined;
  let logged = "";

  /** Logs a state when it begins, not at each attempt. */
  function logOnce(level: "info" | "warn" | "error", message: string, fields: LogFields): void {
    const state = JSON.stringify([message, fields]);
    if (state !== logged) log[level](message, { ...facts, ...fields });
    logged = state;
  }

  function logFailure(error: unknown): void {
    // A conflict means only that another candidate was faster.
    if (isConflict(error)) return;
    const text = describeError(error);
    if (!isMissingPermission(error)) logOnce("warn", "Lease not reached", { error: text });
    else logOnce("error", MISSING_PERMISSION, { error: text, retryMs: FORBIDDEN_RETRY_MS });
  }

  async function acquire(signal: AbortSignal): Promise<Term | undefined> {
    while (!signal.aborted) {
      const sentAt = clock.monotonic();
      let waitMs = nextTryMs();
      try {
        if (await lock.take(signal)) return startTerm(clock, sentAt);
        logOnce("info", "Waiting, another replica leads", { holder: lock.holder() });
      } catch (error) {
        if (!signal.aborted) logFailure(error);
        waitMs = Math.max(waitMs, isMissingPermission(error) ? FORBIDDEN_RETRY_MS : retryAfterOf(error));
      }
      // Only an abort rejects, and that ends the loop.
      await delay(clock, waitMs, signal).catch(() => {});
    }
    return undefined;
  }

  async function renew(term: Term, stop: AbortSignal): Promise<void> {
    const isOver = () => stop.aborted || term.signal.aborted;
    while (!isOver()) {
      await delay(clock, nextTryMs(), stop).catch(() => {});
      if (isOver()) return;
      const sentAt = clock.monotonic();
      try {
        if (await lock.renew(stop, term.signal)) {
          term.restart(sentAt);
          logged = "";
        } else term.lose(`the Lease names "${lock.holder()}" as its holder`);
      } catch (error) {
        if (!isOver()) logFailure(error);
      }
    }
  }

  return {
    async run({ signal, lead }) {
      const current = term = await acquire(signal);
      if (!current) return "stopped";
      log.info("Leading", facts);
      current.signal.addEventListener("abort", () => {
        log.error("Leadership lost", { ...facts, error: describeError(current.signal.reason) });
      });
      // Renewals outlast `signal`: the lease must be ours until work in progress has finished.
      const finished = new AbortController();
      const renewing = renew(current, finished.signal);
      try {
        const either = AbortSignal.any([signal, current.signal]);
        if (!either.aborted) await lead({ signal: either, killSignal: current.signal });
      } finally {
        finished.abort();
        await renewing;
        current.end();
        if (!current.signal.aborted) {
          term = undefined;
          await lock.release().catch((error) =>
            log.warn("Lease not released", { ...facts, error: describeError(error) })
          );
        }
      }
      return current.signal.aborted ? "lost" : "stopped";
    },
    isLeading: () => term?.signal.aborted === false,
    isHealthy: () => term?.signal.aborted !== true,
  };
}

type Term = ReturnType<typeof startTerm>;

/**
 * The time for which the Lease is certainly ours; its signal aborts when that is over. It counts from when a claim is
 * sent: others count from when its write arrives, which is later.
 */
function startTerm(clock: Clock, sentAt: number) {
  const controller = new AbortController();
  let cancel = () => {};

  function lose(why: string): void {
    controller.abort(new AppError("lease-lost", `Cannot go on as the leader as ${why}`));
  }

  function restart(sentAt: number): void {
    cancel();
    const expire = () => lose(`the Lease was not renewed within ${RENEW_DEADLINE_MS / 1000} s`);
    const leftMs = sentAt + RENEW_DEADLINE_MS - clock.monotonic();
    if (leftMs <= 0) expire();
    else cancel = clock.setTimer(leftMs, expire);
  }

  restart(sentAt);
  return { signal: controller.signal, lose, restart, end: () => cancel() };
}

function isMissingPermission(error: unknown): boolean {
  return isForbidden(error) && !isNamespaceTerminating(error);
}
