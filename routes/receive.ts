/**
 * Receives a list of facts or problems. A small body is read whole and then parsed. A large one is parsed while it arrives,
 * and only a few at a time: that bounds the memory for all of them.
 *
 * @module
 */
import type { Context } from "hono";
import { type Clock, deadline, nextTurn, unlessAborted } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import { BodyError } from "../lib/insights/errors.ts";
import type { ListLimits } from "../lib/insights/posted_list.ts";
import type { PostedList } from "../lib/insights/posted_list.ts";
import type { Environment } from "../lib/lagoon.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";
import { FairGate } from "./fair_limits.ts";
import { unpack } from "./unpack.ts";

/** Bodies above this size are large. Only received bytes count: announcing many costs a client nothing. */
const LARGE_BYTES = 64 * 1024;

/** Bodies above this size are parsed one at a time, so that those of one environment don't hold up the answers of others. */
const SMALL_BYTES = 4 * 1024;

/** Large bodies that may wait for their turn: each holds some 300 kB, its connection and what has arrived. */
const WAITING = { maxWaiting: 40, maxWaitingEach: 8 };

/** Interval between checks of a large body's pace. */
const PACE_CHECK_MS = 250;

/** A large body that arrives more slowly than this is rejected: on average, and after one second of waiting for its client. */
const LEAST_BYTES_PER_SECOND = 256 * 1024;

/** The same while another environment waits for the place. */
const CONTENDED_BYTES_PER_SECOND = 4 * 1024 * 1024;

/** A list that was received as a message; dispose of it when the message is confirmed, for then its memory is free. */
export interface ReceivedList extends Disposable {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly warnings: readonly string[];
}

/** Receives the list of a request, whatever its content type. */
export type Receive = (
  c: Context<AppEnv>,
  createList: (environment: Environment, limits: ListLimits) => PostedList,
) => Promise<ReceivedList>;

const NEVER = new AbortController().signal;

/** Makes the function that all routes with a body share. */
export function createReceive({ limits, clock }: Pick<RouteDeps, "limits" | "clock">): Receive {
  const gate = new FairGate({ capacity: limits.maxLargeBodies, ...WAITING }, clock);
  const turns = new FairGate({ capacity: 1 }, clock);

  async function enterGate(namespace: string): Promise<Disposable> {
    using limit = deadline(clock, limits.largeBodyWaitMs);
    return await gate.enter(namespace, limit.signal).catch(() => {
      throw tooManyLarge();
    });
  }

  return async function receive(c, createList) {
    const environment = c.get("environment");
    const list = createList(environment, limits);
    using resources = new DisposableStack();
    const chunks = unpack(c.env.body, c.req.header("Content-Encoding"), resources);
    const body = new BodyReader(c, chunks, limits.maxBodyBytes);
    // Reading it first, to reject it then, would cost memory.
    if (body.announcedBytes > LARGE_BYTES && gate.isFull(environment.namespace)) throw tooManyLarge();
    using start = new BodyStart();
    let chunk = await body.next();
    for (; chunk !== undefined && body.receivedBytes <= LARGE_BYTES; chunk = await body.next()) {
      start.add(chunk);
    }
    if (chunk !== undefined) {
      resources.use(await enterGate(environment.namespace));
      using pace = new Pace(clock, body, gate);
      for (list.push(start.bytes); chunk !== undefined; chunk = await pace.next()) {
        list.push(chunk);
        await nextTurn();
      }
    } else if (body.receivedBytes > SMALL_BYTES) {
      using _turn = await turns.enter(environment.namespace, NEVER);
      await nextTurn();
      list.pushWhole(start.bytes);
    } else list.pushWhole(start.bytes);
    const message = list.end();
    const held = resources.move();
    return { ...message, [Symbol.dispose]: () => held.dispose() };
  };
}

/** Reads a request's body. */
class BodyReader {
  /** Unpacked, as all limits are. */
  receivedBytes = 0;
  /** As the request says; 0 when it doesn't. */
  readonly announcedBytes: number;
  readonly #maxBytes: number;
  readonly #chunks: AsyncIterator<Uint8Array> | undefined;

  constructor({ req }: Context<AppEnv>, chunks: AsyncIterable<Uint8Array> | undefined, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#chunks = chunks?.[Symbol.asyncIterator]();
    this.announcedBytes = Number(req.header("Content-Length")) || 0;
    if (this.announcedBytes > maxBytes) throw this.#tooLarge();
  }

  /**
   * The next bytes; undefined at the end.
   *
   * @param pace Aborts when the client is too slow.
   */
  async next(pace?: AbortSignal): Promise<Uint8Array | undefined> {
    if (this.#chunks === undefined) return undefined;
    const reading = this.#chunks.next();
    const { done, value } = await (pace ? unlessAborted(reading, pace) : reading).catch((error) => {
      pace?.throwIfAborted();
      if (error instanceof BodyError) throw error;
      throw new BodyError("body-incomplete", "The body must arrive completely");
    });
    if (done) return undefined;
    this.receivedBytes += value.length;
    if (this.receivedBytes > this.#maxBytes) throw this.#tooLarge();
    return value;
  }

  #tooLarge(): AppError {
    return new AppError("body-too-large", `The body must have at most ${this.#maxBytes} bytes`);
  }
}

/** Reads on, and fails when the client is too slow. Only the time spent waiting for the client counts. */
class Pace implements Disposable {
  readonly #clock: Clock;
  readonly #body: BodyReader;
  readonly #gate: FairGate;
  readonly #controller = new AbortController();
  #waitedMs = 0;
  #waitingSince: number | undefined;
  #cancel = () => {};

  constructor(clock: Clock, body: BodyReader, gate: FairGate) {
    this.#clock = clock;
    this.#body = body;
    this.#gate = gate;
    this.#check();
  }

  /** The next bytes; undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    this.#waitingSince = this.#clock.monotonic();
    const chunk = await this.#body.next(this.#controller.signal);
    this.#waitedMs = this.#waited;
    this.#waitingSince = undefined;
    return chunk;
  }

  [Symbol.dispose](): void {
    this.#cancel();
  }

  get #waited(): number {
    const now = this.#clock.monotonic();
    return this.#waitedMs + now - (this.#waitingSince ?? now);
  }

  #check(): void {
    const isContended = this.#gate.isContended;
    const bytesPerSecond = isContended ? CONTENDED_BYTES_PER_SECOND : LEAST_BYTES_PER_SECOND;
    const allowedMs = 1000 * (1 + this.#body.receivedBytes / bytesPerSecond);
    if (this.#waited >= allowedMs) this.#controller.abort(isContended ? tooManyLarge() : tooSlow());
    else this.#cancel = this.#clock.setTimer(PACE_CHECK_MS, () => this.#check());
  }
}

function tooManyLarge(): AppError {
  return new AppError(
    "too-many-large",
    "Too many large bodies are being received, of all environments or of this one: send it again later",
  );
}

function tooSlow(): AppError {
  return new AppError(
    "body-too-slow",
    `A body above ${LARGE_BYTES} bytes must arrive with at least ${LEAST_BYTES_PER_SECOND} bytes per second`,
  );
}

/**
 * The start of a body, in memory of its own: a chunk can be a small view of a large buffer. Growing and disposing free the old memory
 * at once; waiting for the garbage collector would let many rejected bodies fill the container.
 */
class BodyStart implements Disposable {
  #buffer = new ArrayBuffer(0);
  #length = 0;

  get bytes(): Uint8Array {
    return new Uint8Array(this.#buffer, 0, this.#length);
  }

  add(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    const doubled = Math.min(2 * this.#buffer.byteLength, LARGE_BYTES);
    if (length > this.#buffer.byteLength) this.#buffer = this.#buffer.transfer(Math.max(length, doubled));
    new Uint8Array(this.#buffer).set(chunk, this.#length);
    this.#length = length;
  }

  [Symbol.dispose](): void {
    this.#buffer.transfer(0);
  }
}
