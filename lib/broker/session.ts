/**
 * One connection to RabbitMQ with one confirm channel. A session is never repaired: when its connection or channel
 * breaks, it ends, and the publisher opens another.
 *
 * @module
 */
import type { Message } from "amqplib";
import { Buffer } from "node:buffer";
import { type Clock, deadline, unlessAborted } from "../clock.ts";
import { UnavailableError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { type BrokerConnection, type BrokerOptions, declareTopology, TOPOLOGY } from "./connection.ts";
import type { OutgoingMessage } from "./publisher.ts";

/** What a session works with. */
export interface SessionDependencies {
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when the session may have begun to take messages again. */
  readonly onReady: () => void;
}

interface InFlight {
  isReturned: boolean;
  /** Ends the wait for the confirm; only the first call counts. */
  finish(error?: unknown): void;
}

const CLOSE_LIMIT_MS = 2_000;
/** A broker that has been silent for so long is probed. */
const PROBE_AFTER_MS = 5_000;
/** A broker that has confirmed nothing and answered no probe for so long gets no messages. */
const SILENCE_LIMIT_MS = 15_000;
/** Above this many unconfirmed bytes the broker is too far behind to get more. */
const MAX_UNCONFIRMED_BYTES = 20 * 1024 * 1024;

/** An open connection, until it ends. */
export class Session {
  /** Resolves with the reason once the session has ended; never rejects. */
  readonly ended: Promise<Error | undefined>;
  readonly #connection: BrokerConnection;
  readonly #options: BrokerOptions;
  readonly #dependencies: SessionDependencies;
  readonly #inFlight = new Map<string, InFlight>();
  /** `repairing`: a queue that was deleted is being declared again. */
  #state: "open" | "blocked" | "repairing" | "ended" = "open";
  /** When the broker last confirmed a message or answered a probe, in monotonic time. */
  #lastAnswer = 0;
  /** Size of all messages that the client library holds, including those that were given up. */
  #unconfirmedBytes = 0;
  #cancelProbe = () => {};

  /** Begins a session on a connection that is open. */
  constructor(open: BrokerConnection, options: BrokerOptions, dependencies: SessionDependencies) {
    this.#connection = open;
    this.#options = options;
    this.#dependencies = dependencies;
    const { connection, channel } = open;
    // Before the library's own listener, which fails the callbacks of all messages.
    channel.prependListener("close", () => this.#end());
    channel.on("return", (message) => this.#return(message));
    connection.on("blocked", () => this.#block());
    connection.on("unblocked", () => this.#unblock());
    this.#heard();
    this.#probeLater();
    this.ended = open.ended.then((error) => {
      this.#end();
      this.#failAll("broker-disconnected", "the connection ended before the broker's confirm", error);
      return error;
    });
  }

  /** Why the session takes no messages now; undefined when it does. */
  get obstacle(): string | undefined {
    switch (this.#state) {
      case "blocked":
        return "it has a memory or disk alarm";
      case "repairing":
        return "its queue was deleted and is being declared again";
      case "ended":
        return "the connection has ended";
    }
    if (this.#silenceMs() >= SILENCE_LIMIT_MS) return `it has been silent for ${SILENCE_LIMIT_MS / 1000} s`;
    if (this.#unconfirmedBytes >= MAX_UNCONFIRMED_BYTES) return "it has too many bytes to confirm";
    return undefined;
  }

  /** Whether the broker takes no messages because of an alarm. */
  get isBlocked(): boolean {
    return this.#state === "blocked";
  }

  /** Number of messages that wait for their confirm. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /**
   * Sends one message, and resolves when it is confirmed and was routed.
   *
   * @throws {UnavailableError} When it was rejected or returned, when no confirm came in time, or when the session ended
   *   or was blocked first.
   * @throws The signal's reason when it aborts.
   */
  publish(message: OutgoingMessage, signal?: AbortSignal): Promise<void> {
    const { id, type } = message;
    if (this.#inFlight.has(id)) {
      return Promise.reject(undelivered("broker-duplicate", `${type} message ${id} is in flight already`));
    }
    const { clock } = this.#dependencies;
    const { confirmTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const expire = () => {
        const reason = `no confirm came within ${confirmTimeoutMs / 1000} s, though it may arrive`;
        inFlight.finish(undelivered("broker-confirm-timeout", reason));
      };
      const abort = () => inFlight.finish(signal?.reason);
      const cancelTimer = clock.setTimer(confirmTimeoutMs, expire);
      signal?.addEventListener("abort", abort, { once: true });
      const inFlight: InFlight = {
        isReturned: false,
        finish: (error) => {
          // After an abort, another message may have the id.
          if (this.#inFlight.get(id) === inFlight) this.#inFlight.delete(id);
          cancelTimer();
          signal?.removeEventListener("abort", abort);
          if (error) reject(error);
          else resolve();
        },
      };
      this.#inFlight.set(id, inFlight);
      this.#send(message, inFlight);
    });
  }

  /** Closes channel and connection in order, or by force when that takes more than two seconds. */
  async close(): Promise<void> {
    const { connection, channel, destroySocket } = this.#connection;
    this.#state = "ended";
    using limit = deadline(this.#dependencies.clock, CLOSE_LIMIT_MS);
    // What is closed already, or takes too long, is closed by force.
    await unlessAborted(channel.close().then(() => connection.close()), limit.signal).catch(() => {});
    destroySocket();
  }

  #send({ id, body }: OutgoingMessage, inFlight: InFlight): void {
    const size = body.length;
    const buffer = Buffer.from(body.buffer, body.byteOffset, size);
    const properties = {
      persistent: true,
      mandatory: true,
      contentType: "application/json",
      messageId: id,
      timestamp: Math.floor(this.#dependencies.clock.now() / 1000),
      appId: "insights-remote",
    };
    this.#connection.channel.publish(TOPOLOGY.exchange, TOPOLOGY.routingKey, buffer, properties, (nack) => {
      // A channel that closes fails its messages, too: they may have arrived, and `ended` says why.
      if (nack && this.#state === "ended") return;
      this.#unconfirmedBytes -= size;
      if (nack) inFlight.finish(undelivered("broker-nacked", "the broker rejected it", nack));
      else if (inFlight.isReturned) {
        inFlight.finish(undelivered("broker-unroutable", `no queue is bound to ${TOPOLOGY.exchange}`));
      } else inFlight.finish();
      this.#heard();
    });
    this.#unconfirmedBytes += size;
    // amqplib has copied it into frames. This frees it at once, without a garbage collection.
    body.buffer.transfer(0);
  }

  #silenceMs(): number {
    return this.#dependencies.clock.monotonic() - this.#lastAnswer;
  }

  #heard(): void {
    this.#lastAnswer = this.#dependencies.clock.monotonic();
    this.#dependencies.onReady();
  }

  /** Asks a silent broker whether the queue is there. If not, it closes the channel, which ends the session. */
  #probeLater(): void {
    this.#cancelProbe = this.#dependencies.clock.setTimer(PROBE_AFTER_MS, () => {
      this.#probeLater();
      if (this.#state !== "open" || this.#silenceMs() < PROBE_AFTER_MS) return;
      this.#connection.channel.checkQueue(TOPOLOGY.queue).then(() => this.#heard(), () => this.#end());
    });
  }

  /** The broker returns what it can't route, and confirms it afterwards. */
  #return({ properties }: Message): void {
    const message = this.#inFlight.get(String(properties.messageId));
    if (message) message.isReturned = true;
    if (this.#state !== "open") return;
    this.#state = "repairing";
    this.#dependencies.log.warn("Broker had no queue for a message; declaring queue and binding again", {
      broker: this.#broker,
    });
    declareTopology(this.#connection.channel).then(() => this.#reopen("repairing"), () => this.#end());
  }

  #block(): void {
    if (this.#state === "ended") return;
    this.#state = "blocked";
    this.#dependencies.log.warn("Broker takes no messages because of an alarm", { broker: this.#broker });
    // They wait in the broker's socket for as long as the alarm lasts.
    this.#failAll("broker-blocked", "the broker has a memory or disk alarm");
  }

  #unblock(): void {
    if (this.#state !== "blocked") return;
    this.#dependencies.log.info("Broker takes messages again", { broker: this.#broker });
    this.#reopen("blocked");
  }

  #reopen(from: "blocked" | "repairing"): void {
    if (this.#state !== from) return;
    this.#state = "open";
    this.#heard();
  }

  /** A channel that breaks takes its connection along: one way to recover instead of two. */
  #end(): void {
    this.#cancelProbe();
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#connection.destroySocket();
  }

  #failAll(code: string, reason: string, cause?: unknown): void {
    for (const message of [...this.#inFlight.values()]) message.finish(undelivered(code, reason, cause));
  }

  get #broker(): string {
    return `${this.#options.host}:${this.#options.port}`;
  }
}

function undelivered(code: string, reason: string, cause?: unknown): UnavailableError {
  return new UnavailableError(code, `Cannot deliver the message: ${reason}`, cause ? { cause } : {});
}
