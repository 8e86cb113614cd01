/**
 * What the routes need from the rest of the program, and from each other.
 *
 * @module
 */
import type { Publisher } from "../lib/broker/publisher.ts";
import type { Clock } from "../lib/clock.ts";
import type { HttpBindings } from "../lib/http/server.ts";
import type { ListLimits } from "../lib/insights/posted_list.ts";
import type { Environment } from "../lib/lagoon.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";

/** What the routes are built from. */
export interface RouteDeps {
  readonly publisher: Publisher;
  /**
   * The environment that a token was issued for.
   *
   * @throws {TokenError} For a token that is not accepted, the empty string included.
   */
  readonly verify: (token: string) => Promise<Environment>;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, "countRequest" | "registerGauge">;
  readonly clock: Clock;
  /** Makes the id of a request and its message, a different one each time. */
  readonly newId: () => string;
  readonly limits: RequestLimits;
}

/** Limits on requests. */
export interface RequestLimits extends ListLimits {
  readonly maxBodyBytes: number;
  /** Requests served at the same time. */
  readonly maxInFlight: number;
  /** Environments whose large bodies are received at the same time. */
  readonly maxLargeBodies: number;
  /** How long a large body waits until it is received, in milliseconds. */
  readonly largeBodyWaitMs: number;
}

/** Hono's context: what the server, the record and the guard leave for the handlers. */
export type AppEnv = {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /** The environment that the request's token names. */
    environment: Environment;
    /** For the log: the message, and the number of repairs. */
    delivered: { readonly type: string; readonly bytes: number; readonly warnings: number };
    /** For the log: a stable code; for faults on our side also the error. */
    failure: { readonly code: string; readonly error?: string };
  };
};
