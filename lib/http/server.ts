/**
 * An HTTP server that slow and hostile clients can't exhaust: connections, requests and answers have limits in number, time
 * and bytes.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type Clock, unlessAborted } from "../clock.ts";
import { AppError } from "../errors.ts";
import {
  type Answer,
  encodeAnswer,
  failureAnswer,
  type HttpApp,
  NOT_HTTP,
  respond,
  writeAnswer,
} from "./adapter.ts";
import { Connection } from "./connection.ts";
import { takeConnections } from "./node_internals.ts";

export type { Answer, HttpApp, HttpBindings } from "./adapter.ts";

/** A running server. */
export interface HttpServer {
  readonly port: number;
  /** Number of open connections. */
  readonly connections: number;
  /** Whether it accepts connections. */
  readonly isListening: boolean;
  /** Makes each answer close its connection, so that load balancers choose again. */
  beginDrain(): void;
  /**
   * Stops accepting, closes idle connections, and resolves when all requests are answered, also those whose clients have
   * gone. When the signal aborts, it closes the rest unanswered.
   */
  stop(options: { readonly signal: AbortSignal }): Promise<void>;
}

/** Where to listen, and the limits. */
export interface ListenOptions {
  /** @default all addresses, IPv4 and IPv6 */
  readonly hostname?: string | undefined;
  /** 0 for any free one. */
  readonly port: number;
  /** @default 64 */
  readonly maxConnections?: number;
  /**
   * Limit on a request's head, on idle connections, and on reading an answer, in milliseconds.
   *
   * @default 5000
   */
  readonly headerTimeoutMs?: number;
  /**
   * Limit on the arrival of a whole request, in milliseconds.
   *
   * @default 10000
   */
  readonly requestTimeoutMs?: number;
  /** Called when listening fails later. */
  readonly onError?: (error: Error) => void;
  /** Puts TLS around a connection. */
  readonly wrap?: (socket: Socket) => Socket;
}

const MAX_HEAD_BYTES = 16 * 1024;

/** Connections waiting in the kernel. With fewer, clients of a burst retry after a second; with more, the last ones wait long. */
const BACKLOG = 1024;

/** Read ahead for each connection, in bytes: with hundreds of them it adds up. */
const READ_AHEAD_BYTES = 16 * 1024;

/** Interval between checks for connections whose time is over, in milliseconds. */
const SWEEP_MS = 250;

const TOO_SLOW = failureAnswer(408, "request timeout", "The request must arrive in less time");
const NOT_ENCODED = failureAnswer(
  400,
  "BAD REQUEST",
  "Path and query must be ASCII: percent-encode all other characters as UTF-8",
);
const LARGE_HEAD = failureAnswer(
  431,
  "request header fields too large",
  "The request's headers must be smaller",
);

/**
 * Starts a server.
 *
 * @throws {AppError} Code `cannot-listen`, when the port is in use or the address is not one of this machine.
 */
export async function startHttpServer(
  options: ListenOptions,
  app: HttpApp,
  clock: Clock,
): Promise<HttpServer> {
  const { maxConnections = 64, headerTimeoutMs = 5000, requestTimeoutMs = 10_000, wrap } = options;
  const timeouts = { headMs: Math.min(headerTimeoutMs, requestTimeoutMs), requestMs: requestTimeoutMs };
  const keepAlive = `timeout=${Math.floor(timeouts.headMs / 1000)}`;
  /** The one that has gone longest without an answer comes first. */
  const connections = new Set<Connection>();
  const longLingering = new Set<Connection>();
  let running = 0;
  let isDraining = false;
  let onChange = () => {};

  const server = createServer({
    // Connections expire by our own clock.
    headersTimeout: 0,
    requestTimeout: 0,
    keepAliveTimeout: 0,
    maxHeaderSize: MAX_HEAD_BYTES,
    highWaterMark: READ_AHEAD_BYTES,
    // The adapter checks it, and answers in our own shape.
    requireHostHeader: false,
  });
  const serveConnection = takeConnections(server, accept);
  server.on("request", serve);
  server.on("checkExpectation", serve);
  server.on("clientError", (error: Error & { code?: string }, connection) => {
    const answers = { HPE_HEADER_OVERFLOW: LARGE_HEAD, HPE_INVALID_URL: NOT_ENCODED } as Record<
      string,
      Answer
    >;
    reject(connection as Connection, answers[error.code ?? ""] ?? NOT_HTTP);
  });

  function accept(socket: Socket): void {
    const connection = new Connection(wrap ? wrap(socket) : socket, clock, timeouts, longLingering);
    connection.once("close", () => {
      connections.delete(connection);
      onChange();
    });
    if (connections.size >= maxConnections && !evict()) return void connection.destroy();
    connections.add(connection);
    serveConnection(connection);
  }

  /** Closes the connection that has gone longest without a whole request; one whose body is being read goes last. */
  function evict(): boolean {
    const evicted =
      connections.values().find(({ state }) => state !== "serving" && state !== "reading body") ??
        connections.values().find(({ state }) => state === "reading body");
    if (evicted === undefined) return false;
    connections.delete(evicted);
    evicted.destroy();
    return true;
  }

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const connection = incoming.socket as unknown as Connection;
    if (!connection.beginRequest(incoming)) return;
    running++;
    const answer = await respond(app, incoming);
    running--;
    onChange();
    if (connection.writableEnded || connection.destroyed) return;
    outgoing.once("finish", () => {
      if (connections.delete(connection)) connections.add(connection);
      connection.endAnswer();
    });
    const isLast = isDraining || connection.hasExtras || !incoming.complete;
    connection.beginAnswer();
    writeAnswer(outgoing, answer, isLast ? undefined : keepAlive);
  }

  /** Answers what is no request, and closes the connection. */
  function reject(connection: Connection, failure: Answer): void {
    const { state } = connection;
    if (state === "reading head" || state === "idle" || state === "reading body") {
      connection.end(encodeAnswer(failure));
    }
  }

  function sweep(): void {
    const now = clock.monotonic();
    for (const connection of connections) {
      if (!connection.isExpired(now)) continue;
      const { state } = connection;
      if (state === "reading head" || state === "reading body") reject(connection, TOO_SLOW);
      else connection.destroy();
    }
    cancelSweep = clock.setTimer(SWEEP_MS, sweep);
  }

  let cancelSweep = clock.setTimer(SWEEP_MS, sweep);
  try {
    await listen(server, options);
  } catch (error) {
    cancelSweep();
    throw error;
  }
  server.on("error", (error) => options.onError?.(error));
  return {
    // It is no path of a Unix socket.
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections.size;
    },
    get isListening() {
      return server.listening;
    },
    beginDrain() {
      isDraining = true;
    },
    async stop({ signal }) {
      isDraining = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) {
        if (connection.state === "reading head" || connection.state === "idle") connection.destroy();
      }
      const allAnswered = new Promise<void>((resolve) => {
        onChange = () => (running === 0 && connections.size === 0) && resolve();
        onChange();
      });
      await unlessAborted(allAnswered, signal).catch(() => {
        for (const connection of connections) connection.destroy();
      });
      cancelSweep();
      await closed;
    },
  };
}

/** `::` takes IPv4 as well, but a machine may have no IPv6 at all. */
async function listen(server: Server, { hostname, port }: ListenOptions): Promise<void> {
  try {
    await listenOn(server, hostname ?? "::", port);
  } catch (error) {
    if (hostname !== undefined || isInUse(error)) throw cannotListen(hostname, port, error);
    await listenOn(server, "0.0.0.0", port).catch((cause) => {
      throw cannotListen(hostname, port, cause);
    });
  }
}

function listenOn(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

function cannotListen(hostname: string | undefined, port: number, cause: unknown): AppError {
  const where = hostname === undefined ? `port ${port}` : `${hostname}, port ${port}`;
  const what = isInUse(cause) ? "it must not be in use" : "it must be an address of this machine";
  return new AppError("cannot-listen", `Cannot listen on ${where}, as ${what}`, { cause });
}
