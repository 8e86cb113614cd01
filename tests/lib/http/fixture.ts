/**
 * A server on loopback whose clock a test moves, and an app that it holds back.
 *
 * @module
 */
import type { Clock } from "../../../lib/clock.ts";
import type { HttpApp } from "../../../lib/http/server.ts";
import { type HttpServer, type ListenOptions, startHttpServer } from "../../../lib/http/server.ts";
import { ManualClock, turn } from "../../fixtures/clock.ts";

/** A server that is stopped, by force, when it is disposed of. */
export interface TestServer extends AsyncDisposable {
  readonly server: HttpServer;
  readonly port: number;
  readonly clock: ManualClock;
}

/** Starts one. */
export async function startTestServer(
  fetch: HttpApp["fetch"],
  options: Partial<ListenOptions> = {},
): Promise<TestServer> {
  const clock = new ManualClock();
  return { ...await startServerWith(clock, fetch, options), clock };
}

/** Starts one with another clock: between pipelined requests the server waits for a moment. */
export async function startServerWith(
  clock: Clock,
  fetch: HttpApp["fetch"],
  options: Partial<ListenOptions> = {},
): Promise<Omit<TestServer, "clock">> {
  const server = await startHttpServer({ hostname: "127.0.0.1", port: 0, ...options }, { fetch }, clock);
  return {
    server,
    port: server.port,
    [Symbol.asyncDispose]: () => server.stop({ signal: AbortSignal.abort() }),
  };
}

/** An app whose requests a test answers. */
export class HeldApp {
  /** Paths in the order in which the app was asked. */
  readonly asked: string[] = [];
  readonly #answers = new Map<string, PromiseWithResolvers<Response>>();
  #onAsked = Promise.withResolvers<void>();

  /** The app. */
  readonly fetch = (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    this.asked.push(pathname);
    this.#onAsked.resolve();
    this.#onAsked = Promise.withResolvers();
    return this.#held(pathname).promise;
  };

  /** Answers the request for a path with 200, now or when it comes. */
  release(path: string): void {
    this.#held(path).resolve(new Response(path));
  }

  /** Waits until so many requests have come. */
  async untilAsked(count: number): Promise<void> {
    while (this.asked.length < count) await this.#onAsked.promise;
  }

  #held(path: string): PromiseWithResolvers<Response> {
    const held = this.#answers.get(path) ?? Promise.withResolvers<Response>();
    this.#answers.set(path, held);
    return held;
  }
}

/** A request without a body. */
export function get(path: string, ...headers: readonly string[]): string {
  return `GET ${path} HTTP/1.1\r\n${["Host: x", ...headers].join("\r\n")}\r\n\r\n`;
}

/** The head of a request with a body. */
export function postHead(path: string, ...headers: readonly string[]): string {
  return `POST ${path} HTTP/1.1\r\n${["Host: x", ...headers].join("\r\n")}\r\n\r\n`;
}

/** Reads a body as text. */
export async function textOf(body: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  if (body !== undefined) { for await (const chunk of body) text += decoder.decode(chunk, { stream: true }); }
  return text;
}

/** Waits until so many connections are open, which node learns a few turns of the event loop after the client. */
export async function untilConnections(server: HttpServer, count: number): Promise<void> {
  const limit = performance.now() + 10_000;
  while (server.connections !== count) {
    if (performance.now() > limit) throw new Error(`${server.connections} connections, not ${count}`);
    await turn();
  }
}
