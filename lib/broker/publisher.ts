/**
 * The broker as the rest of the program sees it: a message goes out, and is confirmed or not.
 *
 * @module
 */
import type { UnavailableError } from "../errors.ts";

/** One message for Lagoon core. */
export interface OutgoingMessage {
  /** Stays the same when the message is sent again; at most 255 bytes. */
  readonly id: string;
  /** The `type` in the body, such as `direct.facts`. */
  readonly type: string;
  /** UTF-8 JSON (docs/protocol.md, "Messages"). Publishing takes it over: don't use it afterwards. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Delivers messages. */
export interface Publisher {
  /**
   * Sends one message, and resolves when the broker has confirmed it as persistent and routed it to the queue. Messages
   * that are published one after the other arrive in that order. The publisher limits the wait.
   *
   * @param options.signal Ends the wait earlier.
   * @throws {UnavailableError} When the message is not delivered, or may not be; it may be sent again.
   * @throws The signal's reason when it aborts.
   */
  publish(message: OutgoingMessage, options?: { signal?: AbortSignal }): Promise<void>;
  /** Whether the broker takes messages now. */
  isReady(): boolean;
  /**
   * Waits until the broker takes messages, at most `timeoutMs`.
   *
   * @returns Undefined when it does, otherwise why it does not.
   * @throws The signal's reason when it aborts.
   */
  waitUntilReady(options: { timeoutMs: number; signal: AbortSignal }): Promise<UnavailableError | undefined>;
}

/** A publisher that has to be run. */
export interface BrokerPublisher extends Publisher {
  /** Connects, again and again, until the signal aborts; then closes in order. Never throws. */
  run(options: { signal: AbortSignal }): Promise<void>;
}
