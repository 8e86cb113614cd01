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

/** Bodies above this size are large. Only received bytes count: announcing many costs a client nothing. */
const LARGE_BYTES = 64 * 1024;

/** A large body that arrives more slowly than this, on average and after one second, is rejected. */
const LEAST_BYTES_PER_SECOND = 256 * 1024;

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

/** Makes the function that all routes with a body share. */
export function createReceive({ limits, clock }: Pick<RouteDeps, "limits" | "clock">): Receive {
  const gate = new FairGate(limits.maxLargeBodies);

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
    const body = new BodyReader(c, limits.maxBodyBytes);
    // Reading it first, to reject it then, would cost memory.
    if (body.announcedBytes > LARGE_BYTES && gate.isFull(environment.namespace)) throw tooManyLarge();
    using start = new BodyStart();
    let chunk = await body.next();
    for (; chunk !== undefined && body.receivedBytes <= LARGE_BYTES; chunk = await body.next()) {
      start.add(chunk);
    }
    if (chunk !== undefined) {
      resources.use(await enterGate(environment.namespace));
      using pace = new Pace(clock, () => body.receivedBytes);
      for (list.push(start.bytes); chunk !== undefined; chunk = await body.next(pace.signal)) {
        list.push(chunk);
        await nextTurn();
      }
    } else list.pushWhole(start.bytes);
    const message = list.end();
    const held = resources.move();
    return { ...message, [Symbol.dispose]: () => held.dispose() };
  };
}

/** Reads a request's body. */
class BodyReader {
  receivedBytes = 0;
  /** As the request says; 0 when it doesn't. */
  readonly announcedBytes: number;
  readonly #maxBytes: number;
  readonly #chunks: AsyncIterator<Uint8Array> | undefined;

  constructor({ req, env }: Context<AppEnv>, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#chunks = env.body?.[Symbol.asyncIterator]();
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
    const { done, value } = await (pace ? unlessAborted(reading, pace) : reading).catch(() => {
      pace?.throwIfAborted();
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

/** Aborts its signal when bytes arrive more slowly than {@link LEAST_BYTES_PER_SECOND}. */
class Pace implements Disposable {
  readonly #controller = new AbortController();
  #cancel = () => {};

  constructor(clock: Clock, receivedBytes: () => number) {
    const startedAt = clock.monotonic();
    const check = (): void => {
      const allowedMs = 1000 * (1 + receivedBytes() / LEAST_BYTES_PER_SECOND);
      const leftMs = startedAt + allowedMs - clock.monotonic();
      if (leftMs > 0) this.#cancel = clock.setTimer(leftMs, check);
      else this.#controller.abort(tooSlow());
    };
    check();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    this.#cancel();
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
