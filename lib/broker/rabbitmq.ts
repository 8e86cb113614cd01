/**
 * The publisher for RabbitMQ: keeps one session open, opens a new one when it ends, and calls a message delivered
 * only when the broker has confirmed and routed it.
 *
 * @module
 */
import { backoff, type Clock, deadline, delay } from "../clock.ts";
import { describeError, UnavailableError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { OutgoingMessage, Publisher } from "./publisher.ts";
import { type BrokerAddress, openSession, type Session } from "./session.ts";

/** Options of {@link createRabbitPublisher}. */
export interface RabbitOptions extends BrokerAddress {
  /** How long a confirm may take, in milliseconds; after that the message counts as not delivered. */
  readonly confirmTimeoutMs: number;
  /** Longest wait between two tries to connect, in milliseconds. */
  readonly reconnectCapMs: number;
}

/** What the publisher needs from outside. */
export interface RabbitDependencies {
  /** Limits confirms and paces reconnects. */
  readonly clock: Clock;
  /** Source of jitter, a number in [0, 1). */
  readonly random: () => number;
  /** Where the connection's ups and downs are told. */
  readonly log: Logger;
}

/** A publisher with a connection to look after. */
export interface RabbitPublisher extends Publisher {
  /** Connects, and connects again, until the signal aborts; then closes in order. Never throws. */
  run(options: { signal: AbortSignal }): Promise<void>;
}

const FIRST_RECONNECT_MS = 500;

/** Makes a publisher; it connects when `run` is called. */
export function createRabbitPublisher(
  options: RabbitOptions,
  dependencies: RabbitDependencies,
): RabbitPublisher {
  const { clock, random, log } = dependencies;
  const broker = `${options.host}:${options.port}`;
  const readyListeners = new Set<() => void>();
  let session: Session | undefined;

  function isReady(): boolean {
    return session?.canPublish() ?? false;
  }

  function announce(): void {
    if (isReady()) { for (const listener of [...readyListeners]) listener(); }
  }

  function onBlocked(blocked: boolean): void {
    if (blocked) log.warn("Broker takes no messages because of an alarm", { broker });
    else log.info("Broker takes messages again", { broker });
    announce();
  }

  async function run({ signal }: { signal: AbortSignal }): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        session = await openSession(options, onBlocked);
        attempt = 0;
        log.info("Broker connected", { broker });
        announce();
        const error = await endOrAbort(session, signal);
        if (!signal.aborted) {
          log.warn("Broker connection lost", { broker, error: error ? describeError(error) : "closed" });
        }
      } catch (error) {
        log.error("Broker not reachable", { broker, attempt: attempt + 1, error: describeError(error) });
      } finally {
        session = undefined;
      }
      const waitMs = backoff(attempt, { baseMs: FIRST_RECONNECT_MS, capMs: options.reconnectCapMs, random });
      // An abort ends the wait and, as its only error, the loop.
      await delay(clock, waitMs, signal).catch(() => {});
    }
  }

  async function publish(message: OutgoingMessage, { signal }: { signal: AbortSignal }): Promise<void> {
    if (!session?.canPublish()) {
      const reason = session
        ? `broker ${broker} takes none at the moment`
        : `broker ${broker} is not connected`;
      throw new UnavailableError("broker-not-ready", `Cannot deliver the message as ${reason}`);
    }
    using limit = deadline(clock, options.confirmTimeoutMs, signal);
    try {
      await session.publish(message, Math.floor(clock.now() / 1000), limit.signal);
    } catch (error) {
      if (!limit.signal.aborted || signal.aborted) throw error;
      throw new UnavailableError(
        "broker-confirm-timeout",
        `Cannot call the message delivered as no confirm came within ${options.confirmTimeoutMs / 1000} s`,
      );
    }
  }

  async function waitUntilReady(
    { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
  ): Promise<boolean> {
    if (isReady()) return true;
    using limit = deadline(clock, timeoutMs, signal);
    await new Promise<void>((resolve) => {
      const finish = () => {
        readyListeners.delete(finish);
        limit.signal.removeEventListener("abort", finish);
        resolve();
      };
      readyListeners.add(finish);
      limit.signal.addEventListener("abort", finish, { once: true });
    });
    return isReady();
  }

  return { run, publish, isReady, waitUntilReady };
}

/** Waits for the session's end; when the signal aborts first, ends it. */
async function endOrAbort(session: Session, signal: AbortSignal): Promise<Error | undefined> {
  const close = () => void session.close();
  if (signal.aborted) close();
  signal.addEventListener("abort", close, { once: true });
  const error = await session.ended;
  signal.removeEventListener("abort", close);
  return error;
}
