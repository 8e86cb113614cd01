/**
 * One connection: its requests are served one after the other, and it is closed so that the client can still read the
 * last answer. Which connection has to go when there are too many is not decided here.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import { type Answer, encodeAnswer, failureAnswer, NOT_HTTP, writeAnswer } from "./adapter.ts";

/** A request and where its answer goes. */
export interface Exchange {
  /** The request. */
  readonly incoming: IncomingMessage;
  /** Where its answer goes. */
  readonly outgoing: ServerResponse;
}

/** What a connection needs from the server that it belongs to. */
export interface ConnectionOwner {
  /** Time. */
  readonly clock: Clock;
  /** How long a client may take to read an answer, in milliseconds. */
  readonly answerTimeoutMs: number;
  /** Whether answers tell the client to open another connection for its next request. */
  readonly draining: boolean;
  /** How many requests wait behind others, on all connections. */
  waiting: number;
  /** Answers a request; never rejects. */
  respond(incoming: IncomingMessage): Promise<Answer>;
  /** Told after each answer. */
  answered(connection: Connection): void;
}

/**
 * How long a client has to read the last answer while we read no more of what it sends, in milliseconds. Closed at once,
 * the connection would be reset, and the answer lost with it.
 */
const LINGER_MS = 1000;

/** Most requests that wait behind others, on all connections of a server; each takes 3 kB. */
const MAX_WAITING = 2048;

/** A connection of a client. */
export class Connection {
  /** Its socket. */
  readonly socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #destroySoon: () => void;
  readonly #waiting: Exchange[] = [];
  #current: Exchange | undefined;
  /** What it sends from now on can't be understood. */
  #failed = false;
  /** Its last answer is written. */
  #leaving = false;
  /** When it is cut, by the owner's clock. */
  #cutAt = Number.POSITIVE_INFINITY;

  /** Takes over a connection. */
  constructor(owner: ConnectionOwner, socket: Socket) {
    this.#owner = owner;
    this.socket = socket;
    this.#destroySoon = socket.destroySoon.bind(socket);
    // Node calls it after an answer with `Connection: close`.
    socket.destroySoon = () => this.#leave();
    const resume = socket.resume.bind(socket);
    // Node calls it at the end of each request, too, to read the next one.
    socket.resume = () => this.#waiting.length > 0 || this.#failed || this.#leaving ? socket : resume();
  }

  /** Whether a request has arrived as a whole and is not answered yet. */
  get hasWholeRequest(): boolean {
    return this.#current?.incoming.complete ?? false;
  }

  /** Whether it can be closed without loss. */
  get isIdle(): boolean {
    return this.#current === undefined && !this.#leaving;
  }

  /** Serves a request, after those that came before it; too many that wait are cut off. */
  take(exchange: Exchange): void {
    if (this.socket.destroyed) return;
    if (this.#current === undefined) return this.#begin(exchange);
    if (this.#owner.waiting >= MAX_WAITING) return this.destroy();
    this.#owner.waiting++;
    this.#waiting.push(exchange);
    this.socket.pause();
  }

  /** Tells the client what was wrong with what it sent, and closes. */
  fail(error: Error & { readonly code?: string }): void {
    if (this.#failed || this.#leaving) return;
    this.#failed = true;
    if (!this.socket.writable) return this.destroy();
    this.socket.pause();
    // What came before is answered first.
    if (this.hasWholeRequest) return;
    if (!this.#current?.outgoing.headersSent) this.socket.write(encodeAnswer(failureOf(error)));
    this.#leave();
  }

  /** Closes it when its time is over. */
  sweep(now: number): void {
    if (now >= this.#cutAt) this.destroy();
  }

  /** Closes it at once. */
  destroy(): void {
    this.#dropWaiting();
    this.socket.destroy();
  }

  #begin(exchange: Exchange): void {
    this.#current = exchange;
    // The rest of it will never be read.
    if (this.#failed && !this.hasWholeRequest) return this.#leave();
    exchange.outgoing.once("finish", () => this.#finished());
    this.#serve(exchange);
  }

  async #serve({ incoming, outgoing }: Exchange): Promise<void> {
    const answer = await this.#owner.respond(incoming);
    if (this.#leaving || this.socket.destroyed) return;
    this.#cutAt = this.#owner.clock.now() + this.#owner.answerTimeoutMs;
    // A body that nobody has begun to read, node would read to its end to throw it away.
    if (!incoming.complete) incoming.read(0);
    writeAnswer(outgoing, answer, this.#owner.draining || !incoming.complete);
  }

  /** The answer is with the kernel, and node has done its part. */
  #finished(): void {
    this.#current = undefined;
    if (this.#leaving) return;
    this.#cutAt = Number.POSITIVE_INFINITY;
    this.#owner.answered(this);
    const next = this.#waiting.shift();
    if (next !== undefined) {
      this.#owner.waiting--;
      this.socket.resume();
      this.#begin(next);
    } else if (this.#failed) this.#leave();
  }

  /** Says that nothing more comes; what the client may still be sending is not read, but it can read what came. */
  #leave(): void {
    const isAllRead = this.hasWholeRequest && this.#waiting.length === 0 && !this.#failed;
    this.#leaving = true;
    this.#cutAt = this.#owner.clock.now() + LINGER_MS;
    this.#dropWaiting();
    if (isAllRead) return this.#destroySoon();
    this.socket.pause();
    this.socket.end();
  }

  #dropWaiting(): void {
    this.#owner.waiting -= this.#waiting.length;
    this.#waiting.length = 0;
  }
}

function failureOf({ code }: { readonly code?: string }): Answer {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return failureAnswer(408, "request timeout", "The request must arrive in less time");
    case "HPE_HEADER_OVERFLOW":
      return failureAnswer(431, "request header fields too large", "The request's headers must be smaller");
    default:
      return NOT_HTTP;
  }
}
