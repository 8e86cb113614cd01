/**
 * One connection: its requests are served one after the other, and it is closed so that the client can still read the
 * last answer. Which connection has to go when there are too many is not decided here.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import { type Answer, encodeAnswer, failureAnswer, NOT_HTTP, writeAnswer } from "./adapter.ts";
import { type FeedTarget, ParserFeed } from "./parser_feed.ts";

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
  /** Answers a request; never rejects. */
  respond(incoming: IncomingMessage): Promise<Answer>;
  /** Told after each answer. */
  answered(connection: Connection): void;
}

/**
 * How long a client has to read the last answer while we read no more of what it sends, in milliseconds. Closed at once,
 * the connection would be reset, and the answer lost with it.
 */
const LINGER_MS = 250;

/** Between two requests of a connection that sends them without waiting for answers, in milliseconds. */
const TURN_MS = 1;

/** A connection of a client. */
export class Connection implements FeedTarget {
  /** Its socket. */
  readonly socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #destroySoon: () => void;
  readonly #feed = new ParserFeed(this);
  readonly #parse: (bytes: Buffer) => void;
  /** The few that came in one slice with the request before them. */
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
    // Node calls it at the end of each request, to read the next one.
    socket.resume = () => this.#isHeld() ? socket : resume();
    const [parse] = socket.listeners("data") as [(bytes: Buffer) => void];
    this.#parse = parse;
    socket.off("data", parse);
    socket.on("data", (chunk: Buffer) => {
      if (this.#failed || this.#leaving) return;
      this.#feed.push(chunk);
      if (this.#feed.isFull) socket.pause();
    });
  }

  /**
   * Has node read the socket in a way that the bytes can be seen on their way to the parser; before node takes over. Node
   * looks at this mark of its own, and has no other way to be asked.
   */
  static prepare(socket: Socket & { _handle?: { _consumed?: boolean } | null }): void {
    if (socket._handle) socket._handle._consumed = true;
  }

  /** Whether a request has arrived as a whole and is not answered yet. */
  get hasWholeRequest(): boolean {
    return this.#current?.incoming.complete ?? false;
  }

  /** Whether the body of a request is arriving. */
  get isReadingBody(): boolean {
    return this.#current?.incoming.complete === false;
  }

  /** Whether it can be closed without loss. */
  get isIdle(): boolean {
    return this.#current === undefined && !this.#leaving;
  }

  /** Gives bytes to node's parser. */
  parse(bytes: Buffer): void {
    this.#parse(bytes);
  }

  /** Serves a request, after those that came before it. */
  take(exchange: Exchange): void {
    if (this.#current === undefined) this.#begin(exchange);
    else this.#waiting.push(exchange);
  }

  /** Tells the client what was wrong with what it sent, and closes. */
  fail(error: Error & { readonly code?: string }): void {
    if (this.#failed || this.#leaving) return;
    this.#failed = true;
    if (!this.socket.writable) return this.destroy();
    this.#stopReading();
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
    if (next !== undefined) this.#begin(next);
    else if (this.#failed) return this.#leave();
    if (!this.#feed.isFull) this.socket.resume();
    // What one request leaves behind would be kept for as long as the next one is served at once. A wait, however short, lets
    // others have their turn: as long as anything in JavaScript is ready, Deno hardly looks at connections.
    else this.#owner.clock.setTimer(TURN_MS, () => this.#goOn());
  }

  #goOn(): void {
    this.#feed.release();
    this.socket.resume();
  }

  #isHeld(): boolean {
    return this.#feed.isFull || this.#failed || this.#leaving;
  }

  /** Says that nothing more comes; what the client may still be sending is not read, but it can read what came. */
  #leave(): void {
    const isAllRead = this.hasWholeRequest && this.#waiting.length === 0 && !this.#feed.isFull &&
      !this.#failed;
    this.#leaving = true;
    this.#cutAt = this.#owner.clock.now() + LINGER_MS;
    this.#dropWaiting();
    if (isAllRead) return this.#destroySoon();
    this.#stopReading();
    this.socket.end();
  }

  /** For good: a stream that only pauses still reads ahead, 64 KiB for each connection. */
  #stopReading(): void {
    this.socket._read = () => {};
    this.socket.pause();
  }

  #dropWaiting(): void {
    this.#feed.clear();
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
