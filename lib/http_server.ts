/**
 * An HTTP server on a port of all addresses, IPv4 and IPv6.
 *
 * @module
 */

/** A running server. */
export interface HttpServer {
  /** The port that it listens on. */
  readonly port: number;
  /**
   * Takes no more connections, and resolves when the requests in hand are answered, or when the signal aborts: what
   * is unanswered then is cut off with the process.
   */
  stop(signal: AbortSignal): Promise<void>;
}

/** Where to listen. */
export interface ListenOptions {
  /** Without it, all addresses. */
  readonly hostname?: string | undefined;
  /** 0 for any free one. */
  readonly port: number;
}

/**
 * Starts a server.
 *
 * @throws {Deno.errors.AddrInUse} When the port is taken.
 */
export function startHttpServer(
  { hostname, port }: ListenOptions,
  app: { fetch(request: Request): Response | Promise<Response> },
): HttpServer {
  const listen = (address: string) =>
    Deno.serve({ hostname: address, port, onListen: () => {} }, (request) => app.fetch(request));
  const server = hostname === undefined ? listenEverywhere(listen) : listen(hostname);
  return {
    port: server.addr.port,
    stop: (signal) =>
      new Promise((resolve, reject) => {
        const giveUp = () => resolve();
        signal.addEventListener("abort", giveUp, { once: true });
        server.shutdown().then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
      }),
  };
}

/** `::` takes IPv4 as well, but a machine may have no IPv6 at all. */
function listenEverywhere<T>(listen: (address: string) => T): T {
  try {
    return listen("::");
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) throw error;
    return listen("0.0.0.0");
  }
}
