/**
 * All connections of a server: how many may be open, which one has to go for another, and what becomes of them when the
 * server stops.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import { type Answer, type HttpApp, respond } from "./adapter.ts";
import { Connection, type ConnectionOwner, type Exchange } from "./connection.ts";

/** How much is taken on. */
export interface ConnectionLimits {
  /** Most connections that are open at the same time. */
  readonly maxConnections: number;
  /** How long a client may take to read an answer, in milliseconds. */
  readonly answerTimeoutMs: number;
}

/** How often it is looked for connections whose time is over. */
const SWEEP_MS = 250;

/** The connections of one server. */
export class Connections implements ConnectionOwner {
  /** Time. */
  readonly clock: Clock;
  /** How long a client may take to read an answer, in milliseconds. */
  readonly answerTimeoutMs: number;
  /** Whether answers tell clients to open another connection for their next request. */
  draining = false;
  readonly #app: HttpApp;
  readonly #maxConnections: number;
  /** Who has been without an answer for longest comes first. */
  readonly #open = new Map<Socket, Connection>();
  #serving = 0;
  #onSettled: (() => void) | undefined;
  #cancelSweep = () => {};

  /** Makes the bookkeeping; {@link stop} ends it. */
  constructor(app: HttpApp, clock: Clock, { maxConnections, answerTimeoutMs }: ConnectionLimits) {
    this.#app = app;
    this.clock = clock;
    this.#maxConnections = maxConnections;
    this.answerTimeoutMs = answerTimeoutMs;
    this.#sweepLater();
  }

  /** How many are open. */
  get count(): number {
    return this.#open.size;
  }

  /**
   * Takes a new connection. When there are too many, the one goes that has been without a whole request for longest, so
   * that connections on which nothing is asked can't keep others out. When there is none, the new one goes.
   */
  add(socket: Socket): void {
    if (this.count >= this.#maxConnections && !this.#evict()) {
      socket.destroy();
      return;
    }
    this.#open.set(socket, new Connection(this, socket));
    socket.once("close", () => this.#remove(socket));
  }

  /** Takes a request. */
  take(exchange: Exchange): void {
    this.#open.get(exchange.incoming.socket)?.take(exchange);
  }

  /** Told when a client sends what is not HTTP, or too slowly. */
  fail(socket: Socket, error: Error): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) socket.destroy();
    else connection.fail(error);
  }

  /** Lets the app answer. */
  async respond(incoming: IncomingMessage): Promise<Answer> {
    this.#serving++;
    const answer = await respond(this.#app, incoming);
    this.#serving--;
    this.#settle();
    return answer;
  }

  /** Puts a connection to the end of the order. */
  answered(connection: Connection): void {
    if (this.#open.delete(connection.socket)) this.#open.set(connection.socket, connection);
  }

  /**
   * Closes idle connections, lets requests in hand be answered, also when their clients have gone, and resolves when
   * all is closed. When the signal aborts, the rest is closed as it is.
   */
  stop(signal: AbortSignal): Promise<void> {
    this.draining = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const giveUp = () => {
      for (const connection of this.#open.values()) connection.destroy();
      resolve();
    };
    this.#onSettled = resolve;
    for (const connection of this.#open.values()) {
      if (connection.isIdle) connection.destroy();
    }
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    this.#settle();
    return promise.finally(() => {
      signal.removeEventListener("abort", giveUp);
      this.#cancelSweep();
    });
  }

  #settle(): void {
    if (this.count === 0 && this.#serving === 0) this.#onSettled?.();
  }

  #evict(): boolean {
    for (const [socket, connection] of this.#open) {
      if (connection.hasWholeRequest) continue;
      this.#remove(socket);
      return true;
    }
    return false;
  }

  #remove(socket: Socket): void {
    const connection = this.#open.get(socket);
    connection?.destroy();
    this.#open.delete(socket);
    this.#settle();
  }

  #sweepLater(): void {
    this.#cancelSweep = this.clock.setTimer(SWEEP_MS, () => {
      const now = this.clock.now();
      for (const connection of this.#open.values()) connection.sweep(now);
      this.#sweepLater();
    });
  }
}
