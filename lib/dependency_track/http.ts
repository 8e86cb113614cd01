/**
 * One HTTP request to a server that may be hostile: its address is checked after connecting and before anything is sent,
 * redirects are not followed, answers are bounded, and the signal ends the request at any point.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { connect as netConnect, isIP, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { type Clock, deadline, unlessAborted } from "../clock.ts";
import { AppError, describeError } from "../errors.ts";
import { certificateFix } from "../tls/client.ts";
import { DependencyTrackRefusedError, DependencyTrackUnavailableError } from "./errors.ts";
import { freePiece } from "../insights/gzip.ts";

/** A request. */
export interface DependencyTrackRequest {
  readonly method: "GET" | "PUT" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent piece by piece; the memory of each is released then. */
  readonly body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly signal: AbortSignal;
}

/** Which servers a request may reach. */
export interface ServerTrust {
  /** Whether the server may have this IP address. */
  readonly allowsAddress: (address: string) => boolean;
  /** Reads the CA certificates to trust, in PEM, for each connection; without it, or if undefined, the well-known CAs. */
  readonly readAuthorities?: (() => Promise<string | undefined>) | undefined;
}

/** How long a request may take, including its answer. */
export interface RequestLimits {
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
}

/** The whole answer. */
export interface DependencyTrackResponse {
  readonly status: number;
  /** From the header `Retry-After`, in milliseconds; 0 without. */
  readonly retryAfterMs: number;
  readonly text: string;
}

/** A page of 100 projects has about 100 kB. */
const MAX_RESPONSE_BYTES = 200_000;
const MAX_RETRY_AFTER_SECONDS = 3600;

/**
 * Sends a request and reads the whole answer.
 *
 * @throws {DependencyTrackRefusedError} Code `track-address`, when the address is not allowed.
 * @throws {DependencyTrackUnavailableError} Codes `track-connection`, `track-certificate`, `track-authorities` and
 *   `track-answer-too-large`.
 * @throws {AppError} Any that the body throws.
 * @throws The signal's reason when it aborts.
 */
export async function sendRequest(
  request: DependencyTrackRequest,
  { clock, requestTimeoutMs, ...trust }: ServerTrust & RequestLimits,
): Promise<DependencyTrackResponse> {
  using limit = deadline(clock, requestTimeoutMs, request.signal);
  using sockets = new DisposableStack();
  const { signal } = limit;
  try {
    const socket = await connect(request.url, trust, { sockets, signal });
    return await exchange({ ...request, signal }, socket);
  } catch (error) {
    request.signal.throwIfAborted();
    if (error instanceof AppError) throw error;
    throw new DependencyTrackUnavailableError("track-connection", `No answer from ${request.url.host}`, {
      cause: signal.aborted ? signal.reason : error,
    });
  }
}

interface Scope {
  readonly sockets: DisposableStack;
  readonly signal: AbortSignal;
}

/** Connects to an allowed address; over TLS nothing is sent before the server has proven its name. */
async function connect(
  url: URL,
  { allowsAddress, readAuthorities }: ServerTrust,
  scope: Scope,
): Promise<Socket> {
  const isSecure = url.protocol === "https:";
  const ca = isSecure && readAuthorities ? await unlessAborted(readAuthorities(), scope.signal) : undefined;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const socket = netConnect({ host, port: Number(url.port || (isSecure ? 443 : 80)) });
  await untilOpen(socket, "connect", scope);
  if (!allowsAddress(socket.remoteAddress ?? "")) {
    throw new DependencyTrackRefusedError(
      "track-address",
      `${url.host} must not be an address of this machine, the cluster or a private network`,
    );
  }
  if (!isSecure) return socket;
  // An IP address is verified, too, but is no server name.
  const names = { host, ...(isIP(host) === 0 && { servername: host }) };
  const secured = tlsConnect({ socket, ...names, ...(ca !== undefined && { ca }) });
  try {
    await untilOpen(secured, "secureConnect", scope);
  } catch (error) {
    const fix = certificateFix(error, {
      untrusted: readAuthorities
        ? "set DEPENDENCY_TRACK_CACERT to the CA that signed it"
        : "the server needs one of a well-known CA",
      otherName: "use a name that it has",
    });
    if (fix === undefined) throw error;
    throw new DependencyTrackUnavailableError(
      "track-certificate",
      `Cannot verify the certificate of ${url.host}: ${describeError(error)}: ${fix}`,
    );
  }
  return secured;
}

async function untilOpen(
  socket: Socket,
  event: "connect" | "secureConnect",
  { sockets, signal }: Scope,
): Promise<void> {
  sockets.defer(() => socket.destroy());
  // Later errors are seen by the request; without a listener they would end the process.
  socket.on("error", () => {});
  await once(socket, event, { signal });
}

async function exchange(
  { method, url, headers, body = [], signal }: DependencyTrackRequest,
  socket: Socket,
): Promise<DependencyTrackResponse> {
  const outgoing = httpRequest({
    createConnection: () => socket,
    method,
    path: url.pathname + url.search,
    headers: { ...headers, host: url.host, connection: "close", accept: "application/json" },
    signal,
  });
  // Errors after the answer don't matter.
  outgoing.on("error", () => {});
  const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
  // A server may answer before it has read the whole body, and close: then its answer counts, not the broken pipe.
  const sent = send(outgoing, body);
  const [response] = await Promise.race([answered, sent.then(() => answered)]);
  return {
    status: response.statusCode ?? 0,
    retryAfterMs: retryAfter(response),
    text: await readText(response),
  };
}

async function send(
  outgoing: ClientRequest,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const closed = new Promise((resolve) => outgoing.once("close", resolve));
  for await (const piece of body) {
    await Promise.race([closed, new Promise((written) => outgoing.write(piece, written))]);
    if (outgoing.destroyed) return;
    freePiece(piece);
  }
  outgoing.end();
}

async function readText(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of response) {
    length += piece.length;
    if (length > MAX_RESPONSE_BYTES) {
      throw new DependencyTrackUnavailableError(
        "track-answer-too-large",
        `The answer has more than ${MAX_RESPONSE_BYTES} bytes`,
      );
    }
    pieces.push(piece);
  }
  if (!response.complete) throw new Error("the answer was cut off");
  return Buffer.concat(pieces).toString();
}

/** A date counts as 0. */
function retryAfter({ headers }: IncomingMessage): number {
  const seconds = Number(headers["retry-after"]);
  return seconds > 0 ? Math.min(seconds, MAX_RETRY_AFTER_SECONDS) * 1000 : 0;
}
