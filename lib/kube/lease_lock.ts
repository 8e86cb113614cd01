/**
 * A Lease as a lock: who may take it, and writes that fail when somebody else was quicker. When to try, and what
 * holding it means, is not known here.
 *
 * @module
 */
import { type Clock, deadline } from "../clock.ts";
import type { KubeClient } from "./client.ts";
import { isConflict, isNotFound } from "./errors.ts";
import { type Lease, type ObjectKey, RESOURCES } from "./objects.ts";

/** Options of {@link createLeaseLock}. */
export interface LeaseLockOptions {
  /** The API server. */
  readonly client: Pick<KubeClient, "get" | "create" | "patch">;
  /** The Lease, which is created when it is not there. */
  readonly key: ObjectKey;
  /** Who we are; unique among all candidates. */
  readonly identity: string;
  /** Measures how long others hold the Lease, and limits requests. */
  readonly clock: Clock;
  /** For this long without a renewal the others leave the Lease to us; whole seconds are written. */
  readonly leaseMs: number;
  /** Limit for one request. */
  readonly requestMs: number;
}

/** Options of {@link LeaseLock.claim}. */
export interface ClaimOptions {
  /** A leader keeps only what is still its own, a candidate takes what is free. */
  readonly renewing: boolean;
  /** Ends what comes before the write, but not the write: nobody would know whether it was made. */
  readonly stop: AbortSignal;
  /** Ends the write, too. */
  readonly kill: AbortSignal;
}

/** A Lease as one candidate sees it; disposing of it ends its timer. */
export interface LeaseLock extends Disposable {
  /**
   * Takes or renews the Lease.
   *
   * @returns False when it is somebody else's.
   * @throws What the client throws; then the Lease may be ours or not.
   */
  claim(options: ClaimOptions): Promise<boolean>;
  /** Gives the Lease up, if it is ours, within the limit for one request. */
  release(): Promise<void>;
  /** Who held it when it was last read; empty for nobody. */
  holder(): string;
}

type LeaseSpec = NonNullable<Lease["spec"]>;

interface Version {
  readonly resourceVersion: string;
  readonly spec: LeaseSpec;
}

/** Makes a lock; nothing is sent before the first call. */
export function createLeaseLock(options: LeaseLockOptions): LeaseLock {
  const { client, key, identity, clock, leaseMs, requestMs } = options;
  const leaseDurationSeconds = Math.ceil(leaseMs / 1000);
  /** As our latest write that was answered left it; it saves the read, and one that is outdated conflicts. */
  let held: Version | undefined;
  let seen = { record: "", holder: "", expired: false, cancel: () => {} };

  /** Counts from when we saw the record change: the times in it are by another machine's clock. */
  function observe(spec: LeaseSpec): void {
    const record = JSON.stringify(spec);
    if (record === seen.record) return;
    seen.cancel();
    const next = { record, holder: spec.holderIdentity ?? "", expired: false, cancel: () => {} };
    const lastsMs = (spec.leaseDurationSeconds ?? leaseDurationSeconds) * 1000;
    next.cancel = clock.setTimer(lastsMs, () => next.expired = true);
    seen = next;
  }

  /** Also for a Lease that was deleted: its holder works on until it has failed to renew it. */
  function isFree(): boolean {
    return seen.holder === "" || seen.holder === identity || seen.expired;
  }

  function claimed(before: LeaseSpec | undefined): LeaseSpec {
    const now = microTime(clock.now());
    const ours = before?.holderIdentity === identity;
    const transitions = before?.leaseTransitions ?? 0;
    return {
      holderIdentity: identity,
      leaseDurationSeconds,
      acquireTime: ours ? before.acquireTime ?? now : now,
      renewTime: now,
      leaseTransitions: before && !ours ? transitions + 1 : transitions,
    };
  }

  async function read(signal: AbortSignal): Promise<Version | undefined> {
    using limit = deadline(clock, requestMs, signal);
    try {
      const { metadata, spec = {} } = await client.get(RESOURCES.leases, key, { signal: limit.signal });
      observe(spec);
      return { resourceVersion: metadata.resourceVersion, spec };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async function write(before: Version | undefined, spec: LeaseSpec, signal: AbortSignal): Promise<void> {
    using limit = deadline(clock, requestMs, signal);
    const options = { signal: limit.signal };
    const condition = { resourceVersion: before?.resourceVersion ?? "" };
    const { metadata } = before
      ? await client.patch(RESOURCES.leases, key, { metadata: condition, spec }, options)
      : await client.create(RESOURCES.leases, key, { spec }, options);
    held = { resourceVersion: metadata.resourceVersion, spec };
  }

  /** Writes what `decide` makes of the Lease; false when that is nothing. */
  async function change(
    decide: (spec: LeaseSpec | undefined) => LeaseSpec | undefined,
    { stop, kill }: Pick<ClaimOptions, "stop" | "kill">,
  ): Promise<boolean> {
    const known = held;
    const next = known && decide(known.spec);
    try {
      if (next) return await write(known, next, kill).then(() => true);
    } catch (error) {
      // Then somebody has written or deleted it, and who holds it now can be read at once.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
    const before = await read(stop);
    const spec = decide(before?.spec);
    if (!spec) return false;
    await write(before, spec, kill);
    return true;
  }

  return {
    claim: ({ renewing, stop, kill }) => {
      const mayKeep = (spec?: LeaseSpec) => spec === undefined || spec.holderIdentity === identity;
      const mayTake = (spec?: LeaseSpec) => renewing ? mayKeep(spec) : isFree();
      return change((spec) => mayTake(spec) ? claimed(spec) : undefined, { stop, kill });
    },
    release: async () => {
      using limit = deadline(clock, requestMs);
      const released = { holderIdentity: "", leaseDurationSeconds: 1 };
      const decide = (spec?: LeaseSpec) =>
        spec?.holderIdentity === identity ? { ...claimed(spec), ...released } : undefined;
      await change(decide, { stop: limit.signal, kill: limit.signal });
    },
    holder: () => seen.holder,
    [Symbol.dispose]: () => seen.cancel(),
  };
}

/** The API server refuses another number of digits than six. */
function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace("Z", "000Z");
}
