/**
 * What every controller is wired from, and what wiring gives.
 *
 * @module
 */
import type { Publisher } from "../lib/broker/publisher.ts";
import type { Clock } from "../lib/clock.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import type { Reconcile } from "../lib/kube/controller.ts";
import type { EventRecorder } from "../lib/kube/events.ts";
import type { Reflector } from "../lib/kube/reflector.ts";
import type { WorkQueue } from "../lib/kube/work_queue.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";

/** What the controllers work with. */
export interface ControllersDependencies {
  /** The API server. */
  readonly kube: KubeClient;
  /** Lagoon core. */
  readonly publisher: Publisher;
  /** Paces retries, deferrals and watches. */
  readonly clock: Clock;
  /** Source of jitter, a number in [0, 1). */
  readonly random: () => number;
  /** Makes an id, a different one each time. */
  readonly newId: () => string;
  /** Where outcomes are counted, and the state of queues and watches is told. */
  readonly metrics: Metrics;
  /** Where outcomes are told. */
  readonly log: Logger;
  /** Reads the CAs of the operator's Dependency-Track. */
  readonly readTextFile: (path: string) => Promise<string>;
  /** Whether a server that a site names may have an IP address. @default {isPublicAddress} */
  readonly allowsAddress?: (address: string) => boolean;
}

/** The same, with what the controllers share. */
export interface Parts extends ControllersDependencies {
  /** Remembers whether Events are forbidden. */
  readonly events: EventRecorder;
}

/** One controller, ready to run. */
export interface Controller {
  /** In log lines and metrics. */
  readonly name: string;
  /** Keys that want a look. */
  readonly queue: WorkQueue;
  /** What fills the queue, by the name of its check; one may fill several. */
  readonly reflectors: Readonly<Record<string, Reflector>>;
  /** What is done with a key. */
  readonly reconcile: Reconcile;
  /** How many keys are worked on at the same time. */
  readonly concurrency: number;
}
