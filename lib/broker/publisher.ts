/**
 * What the rest of the program knows of the broker: one message goes out, and is confirmed or not.
 *
 * @module
 */

/** One message for Lagoon core. */
export interface OutgoingMessage {
  /** Stays the same however often the message is sent again; at most 255 bytes. */
  readonly id: string;
  /** UTF-8 JSON, in one of the shapes of contract §1.1. Publishing takes it over: its memory may be gone afterwards. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Delivers messages. */
export interface Publisher {
  /**
   * Sends one message and resolves when the broker has taken responsibility for it: confirmed as persistent, and
   * routed to the queue. Messages published one after the other arrive in that order. How long that may take is the
   * publisher's own limit.
   *
   * @param options.signal Ends the wait before that.
   * @throws {UnavailableError} When that did not happen in time; the message may be sent again.
   * @throws The signal's reason when it aborts.
   */
  publish(message: OutgoingMessage, options?: { signal?: AbortSignal }): Promise<void>;
  /** Whether a message could be confirmed at this moment. */
  isReady(): boolean;
  /** Waits until a message could be confirmed, at most `timeoutMs`; tells whether it can. */
  waitUntilReady(options: { timeoutMs: number; signal: AbortSignal }): Promise<boolean>;
}
