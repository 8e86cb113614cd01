/**
 * A Lease as a lock: who may take it, and writes that fail if another candidate wrote first. leader_election.ts
 * decides when to try.
 *
 * @module
 */
import { type Clock, deadline } from "../clock.ts";
import type { KubeClient } from "./client.ts";
import { isConflict, isNotFound, unlessNotFound } from "./errors.ts";
import { type Lease, type ObjectKey, RESOURCES } from "./objects.ts";

/** Options of {@link createLeaseLock}. */
export interface LeaseLockOptions {
  readonly client: Pick<KubeClient, "get" | "create" | "patch">;
  /** The Lease, which is created if it is missing. */
  readonly key: ObjectKey;
  /** Unique among all candidates. */
  readonly identity: string;
  readonly clock: Clock;
  /** After this time without a renewal, other candidates take the Lease; a whole number of seconds. */
  readonly leaseMs: number;
  /** Timeout of one request. */
  readonly requestMs: number;
}

/** Options of {@link LeaseLock.claim}. */
export interface ClaimOptions {
  /** A leader keeps only a Lease that is still its own; a candidate takes one that is free. */
  readonly renewing: boolean;
  /** Ends the claim before its write. It doesn't end the write, whose outcome would then be unknown. */
  readonly stop: AbortSignal;
  /** Ends the claim at once, even during its write. */
  readonly kill?: AbortSignal;
}

/** A Lease as one candidate sees it. */
export interface LeaseLock {
  /**
   * Takes or renews the Lease.
   *
   * @returns False when another candidate holds it.
   * @throws What the client throws; it is then unknown whether the Lease is ours.
   */
  claim(options: ClaimOptions): Promise<boolean>;
  /** Releases the Lease if it is ours, within the timeout of one request. */
  release(): Promise<void>;
  /** The holder when the Lease was last read; empty for none. */
  holder(): string;
}

type LeaseSpec = NonNullable<Lease["spec"]>;

interface Version {
  readonly resourceVersion: string;
  readonly spec: LeaseSpec;
}

/** Makes a lock; it sends nothing before the first call. */
export function createLeaseLock(options: LeaseLockOptions): LeaseLock {
  const { client, key, identity, clock, leaseMs, requestMs } = options;
  const leaseDurationSeconds = leaseMs / 1000;
  /** Our latest write. It saves a read; if it is outdated, the next write conflicts. */
  let written: Version | undefined;
  /** `expiresAt` is monotonic, from when we saw the record change: its own times are by another machine's clock. */
  let seen = { record: "", holder: "", expiresAt: 0 };

  function observe(spec: LeaseSpec): void {
    const record = JSON.stringify(spec);
    if (record === seen.record) return;
    const lastsMs = (spec.leaseDurationSeconds ?? leaseDurationSeconds) * 1000;
    seen = { record, holder: spec.holderIdentity ?? "", expiresAt: clock.monotonic() + lastsMs };
  }

  /** Holds for a deleted Lease, too: its holder works on until a renewal fails. */
  function isFree(): boolean {
    return seen.holder === "" || seen.holder === identity || clock.monotonic() >= seen.expiresAt;
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
    const lease = await unlessNotFound(client.get(RESOURCES.leases, key, { signal: limit.signal }));
    if (lease === undefined) return undefined;
    const { metadata, spec = {} } = lease;
    observe(spec);
    return { resourceVersion: metadata.resourceVersion, spec };
  }

  async function write(before: Version | undefined, spec: LeaseSpec, signal?: AbortSignal): Promise<void> {
    using limit = deadline(clock, requestMs, signal);
    const { metadata } = before
      ? await client.patch(
        RESOURCES.leases,
        key,
        { metadata: { resourceVersion: before.resourceVersion }, spec },
        { signal: limit.signal },
      )
      : await client.create(RESOURCES.leases, key, { spec }, { signal: limit.signal });
    written = { resourceVersion: metadata.resourceVersion, spec };
  }

  /** Writes the spec that `decide` makes of the current one; false when it makes none. */
  async function change(
    decide: (spec: LeaseSpec | undefined) => LeaseSpec | undefined,
    { stop, kill }: Pick<ClaimOptions, "stop" | "kill">,
  ): Promise<boolean> {
    const next = written && decide(written.spec);
    try {
      if (next) {
        await write(written, next, kill);
        return true;
      }
    } catch (error) {
      // Another candidate wrote or deleted the Lease: read it.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
    const before = await read(stop);
    const spec = decide(before?.spec);
    if (!spec) return false;
    await write(before, spec, kill);
    return true;
  }

  return {
    claim: async ({ renewing, ...signals }) => {
      const mayKeep = (spec?: LeaseSpec) => spec === undefined || spec.holderIdentity === identity;
      return await change(
        (spec) => (renewing ? mayKeep(spec) : isFree()) ? claimed(spec) : undefined,
        signals,
      );
    },
    release: async () => {
      using limit = deadline(clock, requestMs);
      await change(
        (spec) =>
          spec?.holderIdentity === identity
            ? { ...claimed(spec), holderIdentity: "", leaseDurationSeconds: 1 }
            : undefined,
        { stop: limit.signal, kill: limit.signal },
      );
    },
    holder: () => seen.holder,
  };
}

/** The API server requires exactly six digits after the second. */
function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace("Z", "000Z");
}
