/**
 * What the routes need from the rest of the program.
 *
 * @module
 */
import type { Publisher } from "../lib/broker/publisher.ts";
import type { Clock } from "../lib/clock.ts";
import type { HttpBindings } from "../lib/http/server.ts";
import type { ListLimits } from "../lib/insights/item_reader.ts";
import type { Environment } from "../lib/lagoon.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { AdmissionLimits, Admitted } from "./admission.ts";

/** What the routes are built from. */
export interface RouteDeps {
  /** Delivers the messages. */
  readonly publisher: Publisher;
  /**
   * Tells which environment a token was issued for.
   *
   * @throws {TokenError} For a token that is not accepted, the empty string included.
   */
  readonly verify: (token: string) => Promise<Environment>;
  /** Where requests and failures are told. */
  readonly log: Logger;
  readonly metrics: Pick<Metrics, "countRequest" | "registerGauge">;
  /** Tells how long requests take, and limits waits for a turn. */
  readonly clock: Clock;
  /** Makes the id of a request, and so of its message: a different one each time. */
  readonly newId: () => string;
  /** How much is taken on. */
  readonly limits: RequestLimits;
}

/** How much the routes take on. */
export interface RequestLimits extends ListLimits, AdmissionLimits {
  /** Largest request body, in bytes. */
  readonly maxBodyBytes: number;
}

/** What the server and middleware leave for the handlers. */
export type AppEnv = {
  /** Handed over with each request. */
  Bindings: HttpBindings;
  /** Set on the way to a handler. */
  Variables: {
    /** The environment that the request's token names. */
    environment: Environment;
    /** The request's id. */
    requestId: string;
    /** What the request may take. */
    admitted: Admitted;
    /** What was delivered: the message's type and size, and how many repairs it took. */
    delivered: { readonly type: string; readonly bytes: number; readonly warnings: number };
    /** Why it was refused: a stable code, and for faults on this side what happened. */
    failure: { readonly code: string; readonly error?: string };
  };
};
