/**
 * What controllers are built from, and what a controller is.
 *
 * @module
 */
import type { Publisher } from "../lib/broker/publisher.ts";
import type { Clock } from "../lib/clock.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import type { ControllerOptions } from "../lib/kube/controller.ts";
import type { EventRecorder } from "../lib/kube/events.ts";
import type { Reflector } from "../lib/kube/reflector.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";

/** Dependencies of all controllers. */
export interface ControllersDependencies {
  readonly kube: KubeClient;
  readonly publisher: Publisher;
  readonly clock: Clock;
  /** Source of jitter, a number in [0, 1). */
  readonly random: () => number;
  /** Returns a unique id. */
  readonly newId: () => string;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Reads the CA file of the operator's Dependency-Track. */
  readonly readTextFile: (path: string) => Promise<string>;
  /** Whether a server that a site names may have this IP address. @default {isPublicAddress} */
  readonly allowsAddress?: (address: string) => boolean;
}

/** The dependencies, and what the controllers share. */
export interface Parts extends ControllersDependencies {
  /** One for all, because it remembers whether Events are forbidden. */
  readonly events: EventRecorder;
}

/** A controller that is ready to run. */
export interface Controller extends Pick<ControllerOptions, "name" | "queue" | "reconcile" | "concurrency"> {
  /** Fill the queue; the names are those of readiness checks. */
  readonly reflectors: Readonly<Record<string, Reflector>>;
}
