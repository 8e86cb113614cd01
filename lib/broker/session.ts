/**
 * One connection to RabbitMQ with one confirm channel, from its opening to its end. It is never mended: when
 * anything about it breaks, it ends, and a new one is opened.
 *
 * @module
 */
import type { ChannelModel, ConfirmChannel, Message } from "amqplib";
import { Buffer } from "node:buffer";
import { type Clock, delay } from "../clock.ts";
import { giveBack } from "../give_back.ts";
import { Timeouts } from "../timeouts.ts";
import { type BrokerAddress, destroyConnection, openConnection } from "./connection.ts";
import { confirmTimeout, isNack, outcome, unavailable } from "./errors.ts";
import type { OutgoingMessage } from "./publisher.ts";
import { declareTopology, TOPOLOGY } from "./topology.ts";

/**
 * Whether messages can be sent. A broker blocks a session while it has a disk or memory alarm; a session repairs while
 * it declares a queue again that is gone; one that is broken ends.
 */
export type SessionState = "open" | "blocked" | "repairing" | "broken";

/** Where the broker is, and how long it may take. */
export interface SessionOptions extends BrokerAddress {
  /** How long a confirm may take, in milliseconds; after that the message counts as not delivered. */
  readonly confirmTimeoutMs: number;
}

/** What a session needs from outside. */
export interface SessionDependencies {
  /** Tells when the broker was last heard of, and limits the end. */
  readonly clock: Clock;
  /** Reads the certificates of TLS. */
  readonly readTextFile: (path: string) => Promise<string>;
  /** Called after each change of the state. */
  readonly onState: (state: SessionState) => void;
}

/** An open connection. */
export interface Session {
  /** Resolves with the reason when the session has ended, whoever ended it; never rejects. */
  readonly ended: Promise<Error | undefined>;
  /** Only an open session takes messages. */
  state(): SessionState;
  /** How many messages are sent and not confirmed. */
  inFlight(): number;
  /** How large all messages are together that are in the hands of the client library, given up or not. */
  unconfirmedBytes(): number;
  /** When the broker last confirmed a message or answered a probe, in milliseconds since the epoch. */
  lastAnswer(): number;
  /** Asks whether the queue is still there; the answer shows in `lastAnswer`, its absence ends the session. */
  probe(): void;
  /**
   * Sends one message; resolves when it is confirmed and was routed.
   *
   * @param timestamp Unix seconds.
   * @param signal Ends the wait for the confirm.
   * @throws {UnavailableError} When it was refused or returned, when no confirm came in time, or the session ended or was
   * blocked before.
   * @throws The signal's reason when it aborts.
   */
  publish(message: OutgoingMessage, timestamp: number, signal?: AbortSignal): Promise<void>;
  /** Closes channel and connection in order, or by force when that takes more than two seconds. */
  close(): Promise<void>;
}

/** What the broker says of a message on its way. */
interface InFlight {
  returned: boolean;
  settle(error?: unknown): void;
}

const CLOSE_LIMIT_MS = 2_000;

/**
 * Connects, declares the topology, and is then ready to publish.
 *
 * @param signal Ends the wait, not the session.
 * @throws The socket's, the broker's or the certificate file's error, or the signal's reason.
 */
export async function openSession(
  options: SessionOptions,
  dependencies: SessionDependencies,
  signal: AbortSignal,
): Promise<Session> {
  const connection = await openConnection(options, dependencies.readTextFile, signal);
  const { promise: ended, resolve: end } = Promise.withResolvers<Error | undefined>();
  let failure: Error | undefined;
  connection.on("error", (error) => failure ??= error);
  connection.on("close", (error) => {
    destroyConnection(connection);
    end(failure ?? error);
  });
  const giveUp = () => destroyConnection(connection);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    const channel = await connection.createConfirmChannel();
    // Before anything can go wrong with it: an error without a listener would end the process.
    channel.on("error", (error) => failure ??= error);
    await declareTopology(channel);
    // A channel that breaks takes its connection along: one way to recover instead of two.
    return new ChannelSession(connection, channel, ended, { ...dependencies, ...options });
  } catch (error) {
    destroyConnection(connection);
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

class ChannelSession implements Session {
  readonly ended: Promise<Error | undefined>;
  readonly #connection: ChannelModel;
  readonly #channel: ConfirmChannel;
  readonly #dependencies: SessionDependencies;
  readonly #confirmTimeoutMs: number;
  readonly #timeouts: Timeouts;
  readonly #inFlight = new Map<string, InFlight>();
  #state: SessionState = "open";
  #lastAnswer: number;
  #unconfirmedBytes = 0;
  #isProbing = false;

  constructor(
    connection: ChannelModel,
    channel: ConfirmChannel,
    ended: Promise<Error | undefined>,
    dependencies: SessionDependencies & SessionOptions,
  ) {
    this.#connection = connection;
    this.#channel = channel;
    this.#dependencies = dependencies;
    this.#confirmTimeoutMs = dependencies.confirmTimeoutMs;
    this.#timeouts = new Timeouts(dependencies.clock, dependencies.confirmTimeoutMs);
    this.#lastAnswer = dependencies.clock.now();
    channel.on("close", () => this.#break());
    channel.on("return", (message) => this.#return(message));
    connection.on("blocked", () => this.#block());
    connection.on("unblocked", () => this.#enter("blocked", "open"));
    this.ended = ended.then((error) => {
      this.#enter(this.#state, "broken");
      this.#settleAll("broker-disconnected", "the connection ended before the broker's confirm", error);
      return error;
    });
  }

  state(): SessionState {
    return this.#state;
  }

  inFlight(): number {
    return this.#inFlight.size;
  }

  unconfirmedBytes(): number {
    return this.#unconfirmedBytes;
  }

  lastAnswer(): number {
    return this.#lastAnswer;
  }

  probe(): void {
    if (this.#isProbing || this.#state !== "open") return;
    this.#isProbing = true;
    this.#channel.checkQueue(TOPOLOGY.queue)
      // Without its queue the broker closes the channel, and so the session ends.
      .then(() => this.#hear(), () => this.#break())
      .finally(() => this.#isProbing = false);
  }

  publish({ id, body }: OutgoingMessage, timestamp: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (this.#inFlight.has(id)) {
        return reject(unavailable("broker-duplicate", `message ${id} is already on its way`));
      }
      const wait = this.#timeouts.start(() => message.settle(confirmTimeout(this.#confirmTimeoutMs)));
      const abort = () => message.settle(signal?.reason);
      const message: InFlight = {
        returned: false,
        settle: (error) => {
          if (this.#inFlight.get(id) === message) this.#inFlight.delete(id);
          wait[Symbol.dispose]();
          signal?.removeEventListener("abort", abort);
          if (error) reject(error);
          else resolve();
        },
      };
      this.#inFlight.set(id, message);
      signal?.addEventListener("abort", abort, { once: true });
      this.#send({ id, body }, timestamp, message);
    });
  }

  #send({ id, body }: OutgoingMessage, timestamp: number, message: InFlight): void {
    const size = body.length;
    this.#unconfirmedBytes += size;
    try {
      this.#channel.publish(TOPOLOGY.exchange, TOPOLOGY.routingKey, toBuffer(body), {
        persistent: true,
        mandatory: true,
        contentType: "application/json",
        messageId: id,
        timestamp,
        appId: "insights-remote",
      }, (refusal: unknown) => {
        // A channel that closes refuses everything as well: that is the session's end, which tells its reason.
        if (refusal && !isNack(refusal)) return;
        this.#unconfirmedBytes -= size;
        this.#hear();
        message.settle(outcome(refusal, message.returned));
      });
    } catch (error) {
      this.#unconfirmedBytes -= size;
      message.settle(unavailable("broker-disconnected", "the channel is closed", error));
    }
    // The library has copied it into frames: two copies until the confirm are one too many, and the garbage collector
    // would take its time.
    giveBack(body);
  }

  async close(): Promise<void> {
    const limit = new AbortController();
    const inOrder = closeQuietly(this.#channel).then(() => closeQuietly(this.#connection));
    // Only an abort rejects the wait, and that is how it is given up.
    const tooLong = delay(this.#dependencies.clock, CLOSE_LIMIT_MS, limit.signal).catch(() => {});
    await Promise.race([inOrder, tooLong]);
    limit.abort();
    destroyConnection(this.#connection);
  }

  #hear(): void {
    this.#lastAnswer = this.#dependencies.clock.now();
  }

  /** Changes the state from one to another; does nothing in a third one. */
  #enter(from: SessionState, to: SessionState): void {
    if (this.#state !== from || from === to) return;
    this.#state = to;
    if (to === "open") this.#hear();
    this.#dependencies.onState(to);
  }

  #break(): void {
    if (this.#state === "broken") return;
    this.#enter(this.#state, "broken");
    void closeQuietly(this.#connection);
  }

  /** The broker returns what it can't route, and confirms it afterwards all the same. */
  #return({ properties }: Message): void {
    const message = this.#inFlight.get(String(properties.messageId));
    if (message) message.returned = true;
    this.#repairTopology();
  }

  /** The queue, or its binding, is gone; when it can't be made again, the broker closes the channel. */
  #repairTopology(): void {
    if (this.#state !== "open") return;
    this.#enter("open", "repairing");
    declareTopology(this.#channel).then(() => this.#enter("repairing", "open"), () => this.#break());
  }

  #block(): void {
    this.#enter(this.#state === "repairing" ? "repairing" : "open", "blocked");
    // They wait in the broker's socket for as long as the alarm lasts; nobody is to wait with them.
    this.#settleAll("broker-blocked", "the broker takes none because of an alarm");
  }

  #settleAll(code: string, reason: string, cause?: unknown): void {
    for (const message of [...this.#inFlight.values()]) message.settle(unavailable(code, reason, cause));
  }
}

function toBuffer(body: Uint8Array): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

/** Closing what is closed already, or is just breaking, is no error: the aim is reached. */
async function closeQuietly(closable: { close(): Promise<void> }): Promise<void> {
  try {
    await closable.close();
  } catch {
    // See above.
  }
}
