/**
 * An HTTP server that slow and hostile clients can't wear out: everything that a client may take has a limit, in time,
 * in bytes and in number. What is answered is the app's concern.
 *
 * @module
 */
import { createServer, type Server, type ServerOptions } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Clock } from "../clock.ts";
import { AppError } from "../errors.ts";
import type { HttpApp } from "./adapter.ts";
import { Connection } from "./connection.ts";
import { Connections } from "./connections.ts";

export type { HttpApp, HttpBindings } from "./adapter.ts";

/** A running server. */
export interface HttpServer {
  /** The port that it listens on. */
  readonly port: number;
  /** How many connections are open. */
  readonly connections: number;
  /** From now on each answer tells its client to open another connection, so that load balancers choose anew. */
  beginDrain(): void;
  /**
   * Takes no more connections, closes idle ones, and resolves when the requests in hand are answered, or when the signal
   * aborts: what is unanswered then is cut off.
   */
  stop(options: { readonly signal: AbortSignal }): Promise<void>;
}

/** Where to listen, and what a client may take. */
export interface ListenOptions {
  /** Without it, all addresses, IPv4 and IPv6. */
  readonly hostname?: string | undefined;
  /** 0 for any free one. */
  readonly port: number;
  /**
   * Most connections that are open at the same time. For one more, the one is closed that has been without a whole
   * request for longest.
   *
   * @default 64
   */
  readonly maxConnections?: number;
  /**
   * How long the head of a request may take to arrive, a connection may be idle, and an answer may take to be read, in
   * milliseconds. Idle connections get up to 1 second more.
   *
   * @default 5000
   */
  readonly headerTimeoutMs?: number;
  /**
   * How long a whole request may take to arrive, in milliseconds.
   *
   * @default 10000
   */
  readonly requestTimeoutMs?: number;
  /**
   * Puts TLS around a connection. A handshake takes from the time for the first head, and its connection is one of those
   * that are open.
   *
   * @default none
   */
  readonly wrap?: (socket: Socket) => Socket;
}

/** Largest head of a request, in bytes. */
const MAX_HEAD_BYTES = 16 * 1024;

/**
 * Connections that wait in the kernel to be taken, each up to a millisecond. With fewer, a burst makes the kernel forget
 * clients, who try again after a second; with more, who comes last in a flood waits for longer.
 */
const BACKLOG = 1024;

/** How much is read ahead of a connection that is not taken on, in bytes: with hundreds of them it adds up. */
const READ_AHEAD_BYTES = 16 * 1024;

/** How often node looks for requests that take too long, in milliseconds. */
const CHECK_MS = 1000;

/**
 * Starts a server.
 *
 * @throws {AppError} Code `cannot-listen`, when the port is taken or the address is not one of this machine.
 */
export async function startHttpServer(
  options: ListenOptions,
  app: HttpApp,
  clock: Clock,
): Promise<HttpServer> {
  const { maxConnections = 64, headerTimeoutMs = 5000, requestTimeoutMs = 10_000 } = options;
  const connections = new Connections(app, clock, { maxConnections, answerTimeoutMs: headerTimeoutMs });
  const server = createNodeServer(connections, options.wrap, {
    headersTimeout: Math.min(headerTimeoutMs, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: headerTimeoutMs,
    connectionsCheckingInterval: Math.min(CHECK_MS, headerTimeoutMs),
    maxHeaderSize: MAX_HEAD_BYTES,
    // We look for it ourselves, to answer in our own shape.
    requireHostHeader: false,
  });
  try {
    await listen(server, options);
  } catch (error) {
    await connections.stop(AbortSignal.abort());
    throw error;
  }
  return {
    // A port, and no path of a Unix socket.
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections.count;
    },
    beginDrain() {
      connections.draining = true;
    },
    async stop({ signal }) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await connections.stop(signal);
      await closed;
    },
  };
}

function createNodeServer(
  connections: Connections,
  wrap: ListenOptions["wrap"],
  options: ServerOptions,
): Server {
  const server = createServer({ ...options, highWaterMark: READ_AHEAD_BYTES });
  const [serveHttp] = server.listeners("connection") as [(socket: Socket) => void];
  server.off("connection", serveHttp);
  server.on("connection", (tcpSocket: Socket) => {
    const socket = wrap ? wrap(tcpSocket) : tcpSocket;
    Connection.prepare(socket);
    serveHttp.call(server, socket);
    connections.add(socket);
  });
  server.on("request", (incoming, outgoing) => connections.take({ incoming, outgoing }));
  server.on("checkExpectation", (incoming, outgoing) => connections.take({ incoming, outgoing }));
  // Node makes the sockets of its servers from its own class.
  server.on("clientError", (error, socket) => connections.fail(socket as Socket, error));
  return server;
}

/** `::` takes IPv4 as well, but a machine may have no IPv6 at all. */
async function listen(server: Server, { hostname, port }: ListenOptions): Promise<void> {
  try {
    await listenOn(server, hostname ?? "::", port);
  } catch (error) {
    if (hostname !== undefined || isTaken(error)) throw cannotListen(hostname, port, error);
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

function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

function cannotListen(hostname: string | undefined, port: number, cause: unknown): AppError {
  const where = hostname === undefined ? `port ${port}` : `${hostname}, port ${port}`;
  const what = isTaken(cause) ? "it must not be in use" : "it must be an address of this machine";
  return new AppError("cannot-listen", `Cannot listen on ${where}, as ${what}`, { cause });
}
