/**
 * A client's connection as node's HTTP server sees it. It stands between the socket and node's parser, and hands over one
 * request at a time: the parser creates every request that its bytes hold, at 5 kB each, before the first is answered.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { type Clock, nextTurn } from "../clock.ts";
import { stopReading } from "./node_internals.ts";

/** How long a client may take to read its last answer, in ms. Closing at once would reset the connection and lose it. */
const LINGER_MS = 250;

/** Bytes that are read and discarded meanwhile. Most clients finish sending, and close. */
const LINGER_BYTES = 256 * 1024;

/**
 * Connections that may finish sending a body which was answered early, within the time for a whole request and
 * {@link LONG_LINGER_BYTES}: many clients read nothing before they have sent everything. With more of them, a flood of rejected bodies
 * would take the program's time and memory.
 */
const MAX_LONG_LINGERING = 8;

/** Twice the largest body that can be configured. */
const LONG_LINGER_BYTES = 32 * 1024 * 1024;

/** How much longer than announced an idle connection is kept: a client's last request may be on its way. */
const KEEP_ALIVE_GRACE_MS = 1000;

const NOTHING = Buffer.alloc(0);

const HEAD_END = Buffer.from("\r\n\r\n");

/** `GET / HTTP/1.1`, the shortest head. */
const LEAST_HEAD_BYTES = 14;

/** Shortest slice of a body, so that a body full of empty lines is not cut into thousands. */
const LEAST_BODY_SLICE_BYTES = 128;

/** Time limits of a connection, in milliseconds. */
export interface ConnectionTimeouts {
  /** For a head to arrive, for the pause between requests, and for an answer to be read. */
  readonly headMs: number;
  /** For a whole request to arrive. */
  readonly requestMs: number;
}

/** What a connection is doing. */
export type ConnectionState =
  | "reading head"
  | "reading body"
  | "serving"
  | "answering"
  | "idle"
  | "lingering";

/** One connection. */
export class Connection extends Duplex {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #timeouts: ConnectionTimeouts;
  #request: IncomingMessage | undefined;
  #isHeadArriving = true;
  #requestStartedAt: number;
  #expiresAt: number;
  /** Received, and not handed over yet. */
  #waiting: Buffer = NOTHING;
  #hasExtras = false;
  #isAnswering = false;
  /** Bytes that are still read once it lingers. */
  #lingerBytes = LINGER_BYTES;
  readonly #longLingering: Set<Connection>;

  /**
   * Takes over a socket.
   *
   * @param longLingering Connections of the same server that linger for long.
   */
  constructor(socket: Socket, clock: Clock, timeouts: ConnectionTimeouts, longLingering: Set<Connection>) {
    // Without a buffer, the parser has seen all of a slice before it gets the next one.
    super({ readableHighWaterMark: 0, decodeStrings: false });
    this.#socket = socket;
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#longLingering = longLingering;
    this.#requestStartedAt = clock.monotonic();
    this.#expiresAt = this.#requestStartedAt + timeouts.headMs;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    // The client has gone, or wants no answer.
    for (const event of ["end", "error", "close"]) socket.on(event, () => this.destroy());
  }

  /** What it is doing. */
  get state(): ConnectionState {
    if (this.writableEnded) return "lingering";
    if (this.#isAnswering) return "answering";
    if (this.#request) return this.#request.complete ? "serving" : "reading body";
    return this.#isHeadArriving ? "reading head" : "idle";
  }

  /** Whether the client pipelined a request, which was dropped: the connection closes after the current answer. */
  get hasExtras(): boolean {
    return this.#hasExtras;
  }

  /** Begins a request; false when the one before it is not answered yet. */
  beginRequest(request: IncomingMessage): boolean {
    if (this.#request !== undefined) {
      this.#hasExtras = true;
      return false;
    }
    this.#request = request;
    this.#isHeadArriving = false;
    this.#expiresAt = this.#requestStartedAt + this.#timeouts.requestMs;
    return true;
  }

  /** Call before an answer is written: what arrives from now on is the next request. */
  beginAnswer(): void {
    this.#isAnswering = true;
    this.#expireIn(this.#timeouts.headMs);
  }

  /** Call when an answer is written. */
  endAnswer(): void {
    if (this.writableEnded) return;
    this.#request = undefined;
    this.#isAnswering = false;
    this.#expireIn(this.#timeouts.headMs + KEEP_ALIVE_GRACE_MS);
    this.#handOver();
  }

  /** Whether it has been in this state for too long. */
  isExpired(now: number): boolean {
    return now >= this.#expiresAt && this.state !== "serving";
  }

  /** Called by node when the parser wants more. */
  override _read(): void {
    this.#handOver();
  }

  /** Called by node with parts of answers. */
  override _write(
    chunk: Buffer | string,
    encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    // Deno's TLS sockets don't report that nothing is written.
    if (chunk.length === 0) done();
    else this.#socket.write(chunk, encoding, done);
  }

  /** Called by node after the last answer: closes so that a client that is still sending can read it. */
  override _final(done: (error?: Error | null) => void): void {
    const isAllRead = this.#request?.complete === true && !this.#hasExtras && this.#waiting.length === 0;
    this.#waiting = NOTHING;
    this.#expireIn(LINGER_MS);
    if (this.#request?.complete === false && this.#longLingering.size < MAX_LONG_LINGERING) {
      this.#longLingering.add(this);
      this.#lingerBytes = LONG_LINGER_BYTES;
      this.#expiresAt = Math.max(this.#expiresAt, this.#requestStartedAt + this.#timeouts.requestMs);
    }
    this.#socket.resume();
    this.#socket.end(() => {
      done();
      if (isAllRead) this.destroy();
    });
  }

  /** Called by node. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#waiting = NOTHING;
    this.#longLingering.delete(this);
    this.#socket.destroy();
    done(error);
  }

  #expireIn(milliseconds: number): void {
    this.#expiresAt = this.#clock.monotonic() + milliseconds;
  }

  #receive(chunk: Buffer): void {
    if (this.writableEnded) return this.#discard(chunk);
    this.#waiting = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk]);
    this.#handOver();
  }

  /** A chunk a turn, and its memory is freed at once: bodies that nobody wants must not hold up or fill the program. */
  #discard(chunk: Buffer): void {
    this.#lingerBytes -= chunk.length;
    const { buffer } = chunk;
    // Not one that it shares with others.
    if (buffer.byteLength === chunk.length) (buffer as ArrayBuffer).transfer(0);
    if (this.#lingerBytes < 0) return stopReading(this.#socket);
    this.#socket.pause();
    nextTurn().then(() => this.#socket.resume());
  }

  #handOver(): void {
    if (this.writableEnded) return;
    while (this.#waiting.length > 0) {
      if (this.state === "serving") {
        // A pipelined request, which the client sends again over another connection.
        this.#hasExtras = true;
        this.#waiting = NOTHING;
      }
      if (this.#request?.complete || !this.push(this.#nextSlice())) return void this.#socket.pause();
    }
    if (!this.#hasExtras) this.#socket.resume();
  }

  #nextSlice(): Buffer {
    if (this.state === "idle") {
      this.#isHeadArriving = true;
      this.#requestStartedAt = this.#clock.monotonic();
      this.#expireIn(this.#timeouts.headMs);
    }
    const end = sliceEnd(this.#waiting, this.#request !== undefined);
    const slice = this.#waiting.subarray(0, end);
    this.#waiting = this.#waiting.subarray(end);
    return slice;
  }
}

/** Where requests end is guessed; a wrong guess costs a slice. */
function sliceEnd(bytes: Buffer, isReadingBody: boolean): number {
  const headEnd = bytes.indexOf(HEAD_END, isReadingBody ? LEAST_BODY_SLICE_BYTES : LEAST_HEAD_BYTES);
  if (headEnd < 0) return bytes.length;
  const end = headEnd + HEAD_END.length;
  // Most bodies arrive together with their head, and one slice is cheaper than two. A JSON body doesn't begin like a method.
  const isBody = !isUpperCase(bytes[end]) && bytes.indexOf(HEAD_END, end) < 0;
  return isBody ? bytes.length : end;
}

function isUpperCase(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x41 && byte <= 0x5a;
}
