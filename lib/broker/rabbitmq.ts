/**
 * The publisher for RabbitMQ: keeps one session open, and opens another when it ends.
 *
 * @module
 */
import { backoff, type Clock, deadline, delay, unlessAborted } from "../clock.ts";
import { UnavailableError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Metrics, PublishOutcome } from "../metrics.ts";
import {
  type BrokerConnection,
  type BrokerOptions,
  describeBrokerError,
  openConnection,
} from "./connection.ts";
import type { BrokerPublisher, OutgoingMessage } from "./publisher.ts";
import { Session } from "./session.ts";

/** What the publisher works with. */
export interface RabbitDependencies {
  readonly clock: Clock;
  /** Source of jitter: a number in [0, 1). */
  readonly random: () => number;
  /** Reads certificates. */
  readonly readTextFile: (path: string) => Promise<string>;
  readonly metrics: Pick<Metrics, "countPublish" | "countConnection" | "registerGauge">;
  readonly log: Logger;
}

const BACKOFF_BASE_MS = 500;
/** A session that ends sooner counts as another failure: the waits between attempts go on growing. */
const STABLE_AFTER_MS = 10_000;

/** Outcomes by error code. Of a message with any other error it is unknown whether it arrives. */
const OUTCOMES: Readonly<Record<string, PublishOutcome>> = {
  "broker-not-ready": "not_sent",
  "broker-duplicate": "not_sent",
  "broker-unroutable": "returned",
  "broker-nacked": "refused",
};

/** Creates a publisher, which connects when `run` is called. */
export function createRabbitPublisher(
  options: BrokerOptions,
  dependencies: RabbitDependencies,
): BrokerPublisher {
  const { clock, random, readTextFile, metrics, log } = dependencies;
  const broker = `${options.host}:${options.port}`;
  const waiting = new Set<() => void>();
  let session: Session | undefined;
  let lastError: string | undefined;

  function isReady(): boolean {
    return session !== undefined && session.obstacle === undefined;
  }

  function notReady(): UnavailableError | undefined {
    if (isReady()) return undefined;
    const reason = session?.obstacle ?? "it is not connected";
    // Only the cause names the broker's address and our user: the message goes to tenants.
    return new UnavailableError("broker-not-ready", `The broker is not ready: ${reason}`, {
      cause: session ? undefined : lastError,
    });
  }

  function wakeWaiting(): void {
    if (isReady()) waiting.forEach((wake) => wake());
  }

  async function run({ signal }: { signal: AbortSignal }): Promise<void> {
    if (options.tls?.verify === false) {
      log.warn("Broker's certificate is not verified: an impostor would get password and messages", {
        broker,
      });
    }
    let failures = 0;
    while (!signal.aborted) {
      const { error, lifetimeMs } = await runSession(signal);
      if (signal.aborted) return;
      const wasStable = lifetimeMs !== undefined && lifetimeMs >= STABLE_AFTER_MS;
      failures = wasStable ? 1 : failures + 1;
      const limits = { baseMs: BACKOFF_BASE_MS, capMs: options.reconnectCapMs, random };
      const retryInMs = Math.round(backoff(failures - 1, limits));
      lastError = describeBrokerError(error, options);
      const fields = { broker, attempt: failures, retryInMs, error: lastError };
      if (lifetimeMs === undefined) log.error("Broker not reachable", fields);
      else log.warn("Broker connection lost", fields);
      // An abort ends the wait, and so the loop.
      await delay(clock, retryInMs, signal).catch(() => {});
    }
  }

  /** Runs one session to its end; `lifetimeMs` is undefined when it could not be opened. */
  async function runSession(signal: AbortSignal): Promise<{ error: unknown; lifetimeMs?: number }> {
    let connection: BrokerConnection;
    try {
      connection = await openConnection(options, readTextFile, signal);
    } catch (error) {
      metrics.countConnection("failed");
      return { error };
    }
    const openedAt = clock.monotonic();
    const open = session = new Session(connection, options, { clock, log, onReady: wakeWaiting });
    metrics.countConnection("opened");
    log.info("Broker connected", { broker });
    wakeWaiting();
    await unlessAborted(open.ended, signal).catch(() => open.close());
    const error = await open.ended ?? "closed by the broker";
    session = undefined;
    return { error, lifetimeMs: clock.monotonic() - openedAt };
  }

  async function publish(message: OutgoingMessage, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    signal?.throwIfAborted();
    const startedAt = clock.monotonic();
    const count = (outcome: PublishOutcome) => metrics.countPublish(outcome, clock.monotonic() - startedAt);
    try {
      if (!session || !isReady()) throw notReady();
      await session.publish(message, signal);
      count("confirmed");
    } catch (error) {
      const code = error instanceof UnavailableError ? error.code : "";
      count(OUTCOMES[code] ?? "unknown");
      throw error;
    }
  }

  async function waitUntilReady(
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
  ): Promise<UnavailableError | undefined> {
    if (isReady()) return undefined;
    using limit = deadline(clock, timeoutMs, signal);
    const { promise: ready, resolve: wake } = Promise.withResolvers<void>();
    waiting.add(wake);
    try {
      await unlessAborted(ready, limit.signal);
    } catch {
      signal.throwIfAborted();
    } finally {
      waiting.delete(wake);
    }
    return notReady();
  }

  metrics.registerGauge("broker_blocked", () => ({ rabbitmq: Number(session?.isBlocked ?? false) }));
  metrics.registerGauge("messages_in_flight", () => ({ rabbitmq: session?.inFlight ?? 0 }));
  return { run, publish, isReady, waitUntilReady };
}
