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
  /** Unique among all candidates: two with the same identity would both lead. */
  readonly identity: string;
  readonly clock: Clock;
}

/**
 * A Lease as one candidate sees it. `take` and `renew` resolve with false when another candidate holds it. After an error,
 * which is the client's, it is unknown whether the Lease is ours. `stop` ends them before their write, but not the write,
 * whose outcome would then be unknown.
 */
export interface LeaseLock {
  /** Takes the Lease if it is free. */
  take(stop: AbortSignal): Promise<boolean>;
  /** Renews a Lease that is still ours. `kill` ends it at once, even during its write. */
  renew(stop: AbortSignal, kill: AbortSignal): Promise<boolean>;
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

/** After this time without a renewal, other candidates take the Lease. */
const LEASE_SECONDS = 15;
/** Two attempts fit into the leader's renew deadline, so that one hanging request doesn't cost the lease. */
const REQUEST_MS = 5_000;

/** Makes a lock; it sends nothing before the first call. */
export function createLeaseLock({ client, key, identity, clock }: LeaseLockOptions): LeaseLock {
  /** Our latest write. It saves a read; if it is outdated, the next write conflicts. */
  let written: Version | undefined;
  /** `expiresAt` is monotonic, from when we saw the record change: its own times are by another machine's clock. */
  let seen = { record: "", holder: "", expiresAt: 0 };

  function observe(spec: LeaseSpec): void {
    const record = JSON.stringify(spec);
    if (record === seen.record) return;
    const { holderIdentity: holder = "", leaseDurationSeconds = LEASE_SECONDS } = spec;
    seen = { record, holder, expiresAt: clock.monotonic() + leaseDurationSeconds * 1000 };
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
      leaseDurationSeconds: LEASE_SECONDS,
      acquireTime: ours ? before.acquireTime ?? now : now,
      renewTime: now,
      leaseTransitions: before && !ours ? transitions + 1 : transitions,
    };
  }

  async function read(signal: AbortSignal): Promise<Version | undefined> {
    using limit = deadline(clock, REQUEST_MS, signal);
    const lease = await unlessNotFound(client.get(RESOURCES.leases, key, { signal: limit.signal }));
    if (lease === undefined) return undefined;
    const { metadata: { resourceVersion }, spec = {} } = lease;
    observe(spec);
    return { resourceVersion, spec };
  }

  async function write(before: Version | undefined, spec: LeaseSpec, kill?: AbortSignal): Promise<void> {
    using limit = deadline(clock, REQUEST_MS, kill);
    const { signal } = limit;
    const { metadata } = before
      ? await client.patch(
        RESOURCES.leases,
        key,
        { metadata: { resourceVersion: before.resourceVersion }, spec },
        { signal },
      )
      : await client.create(RESOURCES.leases, key, { spec }, { signal });
    written = { resourceVersion: metadata.resourceVersion, spec };
  }

  /** Writes the spec that `decide` makes of the current one; false when it makes none. */
  async function change(
    decide: (spec: LeaseSpec | undefined) => LeaseSpec | undefined,
    stop: AbortSignal,
    kill?: AbortSignal,
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
    take: (stop) => change((spec) => isFree() ? claimed(spec) : undefined, stop),
    renew(stop, kill) {
      const isOurs = (spec?: LeaseSpec) => spec === undefined || spec.holderIdentity === identity;
      return change((spec) => isOurs(spec) ? claimed(spec) : undefined, stop, kill);
    },
    async release() {
      using limit = deadline(clock, REQUEST_MS);
      const released = (spec: LeaseSpec) => ({
        ...claimed(spec),
        holderIdentity: "",
        leaseDurationSeconds: 1,
      });
      const release = (spec?: LeaseSpec) => spec?.holderIdentity === identity ? released(spec) : undefined;
      await change(release, limit.signal, limit.signal);
    },
    holder: () => seen.holder,
  };
}

/** The API server requires exactly six digits after the second. */
function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace("Z", "000Z");
}
