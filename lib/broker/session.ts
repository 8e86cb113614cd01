/**
 * One connection to RabbitMQ with one confirm channel, from its opening to its end. It is never mended: when
 * anything about it breaks, it ends, and a new one is opened.
 *
 * @module
 */
import { type ChannelModel, type ConfirmChannel, connect, type Message } from "amqplib";
import { Buffer } from "node:buffer";
import { UnavailableError } from "../errors.ts";
import type { OutgoingMessage } from "./publisher.ts";
import { declareTopology, TOPOLOGY } from "./topology.ts";

/** Where the broker is and who we are there. */
export interface BrokerAddress {
  /** Name or IP address. */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  /** May hold any characters. */
  readonly username: string;
  /** May hold any characters. */
  readonly password: string;
}

/** An open connection. */
export interface Session {
  /** Resolves with the reason when the session has ended, whoever ended it; never rejects. */
  readonly ended: Promise<Error | undefined>;
  /** Whether it is whole, and the broker has not asked us to stop publishing (disk or memory alarm). */
  canPublish(): boolean;
  /**
   * Sends one message; resolves when it is confirmed and was routed.
   *
   * @param timestamp Unix seconds.
   * @param signal Ends the wait for the confirm.
   * @throws {UnavailableError} When it was refused or returned, or the session ended before the confirm.
   * @throws The signal's reason when it aborts.
   */
  publish(message: OutgoingMessage, timestamp: number, signal: AbortSignal): Promise<void>;
  /** Closes channel and connection in order. */
  close(): Promise<void>;
}

/** Limit for connecting and for the handshake, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Both sides notice a dead connection within two to three of these. */
const HEARTBEAT_SECONDS = 10;

interface InFlight {
  returned: boolean;
  settle(error?: unknown): void;
}

/**
 * Connects, declares the topology, and is then ready to publish.
 *
 * @param onBlocked Called when the broker stops taking messages (with `true`), and when it resumes.
 * @throws The socket's or the broker's error.
 */
export async function openSession(
  address: BrokerAddress,
  onBlocked: (blocked: boolean) => void,
): Promise<Session> {
  const connection = await connect(
    {
      protocol: "amqp",
      hostname: address.host,
      port: address.port,
      username: address.username,
      password: address.password,
      vhost: "/",
      heartbeat: HEARTBEAT_SECONDS,
    },
    {
      timeout: CONNECT_TIMEOUT_MS,
      noDelay: true,
      clientProperties: { connection_name: "insights-remote" },
    },
  );
  const { promise: ended, resolve: end } = Promise.withResolvers<Error | undefined>();
  const state = { blocked: false, broken: false };
  let failure: Error | undefined;
  connection.on("error", (error) => failure ??= error);
  connection.on("close", () => end(failure));
  try {
    const channel = await connection.createConfirmChannel();
    // A channel that breaks takes its connection along: one way to recover instead of two.
    const breakDown = (error?: Error) => {
      state.broken = true;
      failure ??= error;
      closeQuietly(connection);
    };
    channel.on("error", breakDown);
    channel.on("close", () => breakDown());
    await declareTopology(channel);
    for (const [event, blocked] of [["blocked", true], ["unblocked", false]] as const) {
      connection.on(event, () => {
        state.blocked = blocked;
        onBlocked(blocked);
      });
    }
    return session(connection, channel, ended, () => !state.blocked && !state.broken);
  } catch (error) {
    await closeQuietly(connection);
    throw error;
  }
}

function session(
  connection: ChannelModel,
  channel: ConfirmChannel,
  ended: Promise<Error | undefined>,
  canPublish: () => boolean,
): Session {
  const inFlight = new Map<string, InFlight>();
  // The broker returns what it can't route, and confirms it afterwards all the same.
  channel.on("return", ({ properties }: Message) => {
    const message = inFlight.get(String(properties.messageId));
    if (message) message.returned = true;
  });
  ended.then((error) => {
    const lost = unavailable(
      "broker-disconnected",
      "the connection ended before the broker's confirm",
      error,
    );
    for (const message of inFlight.values()) message.settle(lost);
  });

  function publish({ id, body }: OutgoingMessage, timestamp: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      if (inFlight.has(id)) {
        return reject(unavailable("broker-duplicate", `message ${id} is already on its way`));
      }
      const message: InFlight = {
        returned: false,
        settle(error) {
          inFlight.delete(id);
          signal.removeEventListener("abort", abort);
          if (error) reject(error);
          else resolve();
        },
      };
      const abort = () => message.settle(signal.reason);
      inFlight.set(id, message);
      signal.addEventListener("abort", abort, { once: true });
      try {
        channel.publish(TOPOLOGY.exchange, TOPOLOGY.routingKey, toBuffer(body), {
          persistent: true,
          mandatory: true,
          contentType: "application/json",
          messageId: id,
          timestamp,
          appId: "insights-remote",
        }, (refusal: unknown) => message.settle(outcome(refusal, message.returned)));
      } catch (error) {
        message.settle(unavailable("broker-disconnected", "the channel is closed", error));
      }
    });
  }

  return {
    ended,
    canPublish,
    publish,
    close: async () => {
      await closeQuietly(channel);
      await closeQuietly(connection);
    },
  };
}

function outcome(refusal: unknown, returned: boolean): Error | undefined {
  if (refusal) return unavailable("broker-refused", "the broker did not take it", refusal);
  if (returned) return unavailable("broker-unroutable", `no queue is bound to exchange ${TOPOLOGY.exchange}`);
  return undefined;
}

function unavailable(code: string, reason: string, cause?: unknown): UnavailableError {
  return new UnavailableError(code, `Cannot deliver the message as ${reason}`, cause ? { cause } : {});
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
