/**
 * The publisher for RabbitMQ: keeps one session open, opens a new one when it ends, and calls a message delivered
 * only when the broker has confirmed and routed it.
 *
 * @module
 */
import { backoff, type Clock, deadline, delay } from "../clock.ts";
import { UnavailableError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Metrics, PublishOutcome } from "../metrics.ts";
import type { BrokerAddress } from "./connection.ts";
import { describeBrokerError } from "./errors.ts";
import type { OutgoingMessage, Publisher } from "./publisher.ts";
import { openSession, type Session, type SessionState } from "./session.ts";

/** Options of {@link createRabbitPublisher}. */
export interface RabbitOptions extends BrokerAddress {
  /** How long a confirm may take, in milliseconds; after that the message counts as not delivered. */
  readonly confirmTimeoutMs: number;
  /** Longest wait between two tries to connect, in milliseconds. */
  readonly reconnectCapMs: number;
}

/** What the publisher needs from outside. */
export interface RabbitDependencies {
  /** Limits confirms, paces probes and reconnects. */
  readonly clock: Clock;
  /** Source of jitter, a number in [0, 1). */
  readonly random: () => number;
  /** Reads the certificates of TLS. */
  readonly readTextFile: (path: string) => Promise<string>;
  /** Where messages and connections are counted. */
  readonly metrics: Pick<Metrics, "countPublish" | "countConnection" | "registerGauge">;
  /** Where the connection's ups and downs are told. */
  readonly log: Logger;
}

/** A publisher with a connection to look after. */
export interface RabbitPublisher extends Publisher {
  /** Connects, and connects again, until the signal aborts; then closes in order. Never throws. */
  run(options: { signal: AbortSignal }): Promise<void>;
}

const BACKOFF = { baseMs: 500 } as const;
/** A session that ends sooner than this was no success: the waits between tries go on growing. */
const SETTLED_MS = 10_000;
/** How long the broker may be silent before it is asked whether it is still there. */
const PROBE_AFTER_MS = 5_000;
/** Messages that are sent and not confirmed, in bytes; above it the broker is too far behind to get more. */
const MAX_UNCONFIRMED_BYTES = 20 * 1024 * 1024;
/** A broker that has confirmed nothing and answered no probe for this long gets no messages. */
const SILENCE_LIMIT_MS = 15_000;

/** What became of a message, by the error's code; `unknown`: it was sent and may arrive, though nobody was told so. */
const OUTCOMES: Readonly<Record<string, PublishOutcome>> = {
  "broker-not-ready": "not_sent",
  "broker-duplicate": "not_sent",
  "broker-unroutable": "returned",
  "broker-refused": "refused",
};

/** Makes a publisher; it connects when `run` is called. */
export function createRabbitPublisher(
  options: RabbitOptions,
  dependencies: RabbitDependencies,
): RabbitPublisher {
  const { clock, random, metrics, log } = dependencies;
  const broker = `${options.host}:${options.port}`;
  const readyListeners = new Set<() => void>();
  let session: Session | undefined;

  function isReady(): boolean {
    return session?.state() === "open" && clock.now() - session.lastAnswer() < SILENCE_LIMIT_MS &&
      session.unconfirmedBytes() < MAX_UNCONFIRMED_BYTES;
  }

  function announce(): void {
    if (isReady()) { for (const listener of [...readyListeners]) listener(); }
  }

  let wasBlocked = false;
  function onState(state: SessionState): void {
    if (state === "blocked") log.warn("Broker takes no messages because of an alarm", { broker });
    else if (state === "repairing") {
      log.warn("Broker had no queue for a message: queue and binding are declared again", { broker });
    } else if (state === "open" && wasBlocked) log.info("Broker takes messages again", { broker });
    wasBlocked = state === "blocked";
    announce();
  }

  async function run({ signal }: { signal: AbortSignal }): Promise<void> {
    if (options.tls?.verify === false) {
      log.warn("Broker's certificate is not verified: whoever answers there gets password and messages", {
        broker,
      });
    }
    let failures = 0;
    while (!signal.aborted) {
      const { error, livedMs } = await runSession(signal);
      if (signal.aborted) return;
      failures = livedMs >= SETTLED_MS ? 1 : failures + 1;
      const retryInMs = Math.round(
        backoff(failures - 1, { ...BACKOFF, capMs: options.reconnectCapMs, random }),
      );
      const fields = { broker, attempt: failures, retryInMs, error: describeBrokerError(error, options) };
      if (livedMs === 0) log.error("Broker not reachable", fields);
      else log.warn("Broker connection lost", fields);
      // An abort ends the wait and, as its only error, the loop.
      await delay(clock, retryInMs, signal).catch(() => {});
    }
  }

  /** Opens a session and looks after it until it ends; one that could not be opened has lived for 0 ms. */
  async function runSession(signal: AbortSignal): Promise<{ error: unknown; livedMs: number }> {
    try {
      session = await openSession(options, { ...dependencies, onState }, signal);
    } catch (error) {
      metrics.countConnection("failed");
      return { error, livedMs: 0 };
    }
    const openedAt = clock.now();
    metrics.countConnection("opened");
    log.info("Broker connected", { broker });
    announce();
    const error = await lookAfter(session, signal);
    session = undefined;
    return { error: error ?? "closed by the broker", livedMs: Math.max(1, clock.now() - openedAt) };
  }

  /** Probes a session that is silent; closes it when the signal aborts. */
  async function lookAfter(open: Session, signal: AbortSignal): Promise<Error | undefined> {
    const over = new AbortController();
    open.ended.then(() => over.abort());
    const wakeUp = AbortSignal.any([signal, over.signal]);
    while (!wakeUp.aborted) {
      await delay(clock, PROBE_AFTER_MS, wakeUp).catch(() => {});
      if (clock.now() - open.lastAnswer() >= PROBE_AFTER_MS) open.probe();
      announce();
    }
    if (signal.aborted) await open.close();
    return await open.ended;
  }

  async function publish(
    message: OutgoingMessage,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<void> {
    const startedAt = clock.now();
    try {
      await readySession().publish(message, Math.floor(startedAt / 1000), signal);
      metrics.countPublish("confirmed", clock.now() - startedAt);
    } catch (error) {
      const code = error instanceof UnavailableError ? error.code : "";
      metrics.countPublish(OUTCOMES[code] ?? "unknown", clock.now() - startedAt);
      throw error;
    }
  }

  /** The session that takes messages at this moment. */
  function readySession(): Session {
    if (session && isReady()) return session;
    const reason = session
      ? `broker ${broker} takes none at the moment`
      : `broker ${broker} is not connected`;
    throw new UnavailableError("broker-not-ready", `Cannot deliver the message as ${reason}`);
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

  metrics.registerGauge("broker_blocked", () => ({ rabbitmq: Number(session?.state() === "blocked") }));
  metrics.registerGauge("messages_in_flight", () => ({ rabbitmq: session?.inFlight() ?? 0 }));
  return { run, publish, isReady, waitUntilReady };
}
