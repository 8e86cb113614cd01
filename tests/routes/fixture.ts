/**
 * The app with stand-ins around it, and requests to it.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Answer, HttpApp } from "../../lib/http/server.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { createVerifier, issueToken } from "../../lib/tokens.ts";
import type { RequestLimits, RouteDeps } from "../../routes/deps.ts";
import { createApp } from "../../routes/mod.ts";
import { ManualClock, turn } from "../fixtures/clock.ts";
import { MemoryLogger, RecordingPublisher } from "../fixtures/recorders.ts";

/** The environment whose token {@link TestApp.send} sends. */
export const ENVIRONMENT = {
  namespace: "proj-main",
  environmentId: "3",
  projectName: "proj",
  environmentName: "main",
};

/** What tokens are signed with. */
export const SECRET = "0123456789";

/** A valid token of {@link ENVIRONMENT}. */
export const TOKEN = issueToken(SECRET, ENVIRONMENT);

/** Options of {@link TestApp.send}. */
export interface SendOptions {
  /** Sent as it is when it is text or bytes, else as JSON. */
  readonly body?: unknown;
  /** The Authorization header; `null` for none. */
  readonly authorization?: string | null;
  readonly headers?: Record<string, string>;
}

/** A program with nothing but routes. */
export class TestApp {
  readonly publisher = new RecordingPublisher();
  readonly log = new MemoryLogger();
  readonly metrics = createMetrics();
  readonly clock = new ManualClock();
  readonly #app: ReturnType<typeof createApp>;
  #requests = 0;

  constructor(limits: Partial<RequestLimits> = {}, deps: Partial<RouteDeps> = {}) {
    this.#app = createApp({
      publisher: this.publisher,
      verify: createVerifier({ secrets: [SECRET], clock: this.clock }),
      log: this.log,
      metrics: this.metrics,
      clock: this.clock,
      newId: () => `request-${++this.#requests}`,
      limits: {
        maxBodyBytes: 10_000,
        maxItems: 1000,
        maxItemBytes: 1_000_000,
        maxJsonDepth: 32,
        maxInFlight: 10,
        maxLargeBodies: 1,
        largeBodyWaitMs: 5000,
        ...limits,
      },
      ...deps,
    });
  }

  /** For a server. */
  readonly fetch: HttpApp["fetch"] = (request, bindings) => this.#app.fetch(request, bindings);

  /** Waits until so many requests wait for the broker's confirm. */
  untilWaiting(count: number): Promise<void> {
    return this.#until("requests wait for a confirm", count, () => this.publisher.waiting);
  }

  /** Waits until so many timers are set: a large body has one while it waits, and one while it is received. */
  untilTimers(count: number): Promise<void> {
    return this.#until("timers are set", count, () => this.clock.pending);
  }

  /** Holds back the broker's confirms until the result is called. */
  holdConfirms(): () => void {
    const confirm = Promise.withResolvers<void>();
    this.publisher.beforeConfirm = () => confirm.promise;
    return confirm.resolve;
  }

  async #until(what: string, count: number, waiting: () => number): Promise<void> {
    for (let turns = 0; waiting() < count; turns++) {
      if (turns > 1000) throw new Error(`${waiting()} of ${count} ${what}`);
      await turn();
    }
  }

  /** Sends a request such as `POST /facts`. */
  async send(request: string, { body, authorization = TOKEN, headers }: SendOptions = {}): Promise<Response> {
    const [method = "", path = ""] = request.split(" ");
    const raw = typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
    const sent = body === undefined ? null : raw ? body as BodyInit : JSON.stringify(body);
    const init = { method, headers: { ...(authorization === null ? {} : { authorization }), ...headers } };
    // As the server does it.
    let given: Answer | undefined;
    const answer = (whole: Answer) => void (given = whole);
    const bindings = { body: new Response(sent).body ?? undefined, answer };
    const response = await this.#app.request(path, init, bindings);
    return given === undefined ? response : responseOf(given);
  }
}

function responseOf({ status, headers, body }: Answer): Response {
  const pairs = headers.flatMap((name, at) =>
    at % 2 === 0 ? [[name, headers[at + 1]!] as [string, string]] : []
  );
  return new Response(body.slice(), { status, headers: pairs });
}

/** A valid token of another environment. */
export function tokenOf(namespace: string): string {
  return issueToken(SECRET, { ...ENVIRONMENT, namespace });
}

/** The status and the decoded answer, in one value to compare. */
export async function statusAndAnswer(response: Response): Promise<[number, unknown]> {
  return [response.status, await response.json()];
}

/** Asserts 429, in the shape of all errors and with Retry-After. */
export async function assertTooMany(response: Response): Promise<void> {
  const [status, answer] = await statusAndAnswer(response) as [number, Record<string, string>];
  assert.equal(status, 429);
  assert.deepEqual(Object.keys(answer), ["status", "message"]);
  assert.equal(answer.status, "too many requests");
  assert.match(response.headers.get("retry-after")!, /^[1-9][0-9]*$/);
}

/** A body that fails the test when it is read. */
export function unreadable(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull() {
      assert.fail("The body was read");
    },
  }, { highWaterMark: 0 });
}
