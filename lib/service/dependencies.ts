/**
 * What the parts of the service work with.
 *
 * @module
 */
import type { Publisher } from "../broker/publisher.ts";
import type { Clock } from "../clock.ts";
import type { ClusterAccess } from "../kube/credentials.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";

/** What the service needs from outside. */
export interface ServiceDependencies {
  readonly clock: Clock;
  /** Source of jitter: a number in [0, 1). */
  readonly random: () => number;
  readonly newId: () => string;
  readonly log: Logger;
  readonly openCluster: () => Promise<ClusterAccess>;
  readonly readTextFile: (path: string) => Promise<string>;
  /** Takes messages when there is no broker. */
  readonly writeMessage: (line: Uint8Array) => void;
}

/** The dependencies, and what the parts share. */
export interface SharedDependencies extends ServiceDependencies {
  readonly publisher: Publisher;
  readonly metrics: Metrics;
}
