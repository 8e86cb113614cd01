/**
 * One HTTP request to a server that may be hostile: the address that it is connected to is looked at before anything is
 * sent, redirects are not followed, answers are bounded, and the signal ends all of it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type IncomingMessage, request as httpRequest } from "node:http";
import { connect as netConnect, isIP, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { AppError, describeError } from "../errors.ts";
import { giveBackPiece } from "../give_back.ts";
import type { Authorities } from "./authorities.ts";
import { TrackRefusedError, TrackUnavailableError } from "./errors.ts";

/** What is sent. */
export interface TrackRequest {
  /** HTTP method. */
  readonly method: "GET" | "PUT" | "POST";
  /** Where to. */
  readonly url: URL;
  /** By name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Sent piece by piece as it comes; the pieces' memory is given back then. */
  readonly body?: AsyncIterable<Uint8Array>;
  /** Whether an IP address may be talked to. */
  readonly allowsAddress: (address: string) => boolean;
  /** Who may have signed the server's certificate. */
  readonly authorities: Authorities;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** What came back. */
export interface TrackAnswer {
  /** HTTP status. */
  readonly status: number;
  /** From the header `Retry-After`, in milliseconds; 0 without. */
  readonly retryAfterMs: number;
  /** The body. */
  readonly text: string;
}

/** Most of an answer that is read: a page of 100 projects has some 100 kB. */
const LONGEST_ANSWER = 4 * 1024 * 1024;
/** Longest wait that a server can ask for. */
const LONGEST_RETRY_AFTER_SECONDS = 3600;

/**
 * Sends a request and reads the whole answer.
 *
 * @throws {TrackRefusedError} Code `track-address`, when the address is not allowed.
 * @throws {TrackUnavailableError} Codes `track-connection`, `track-certificate`, `track-authorities` and
 *   `track-answer-too-large`.
 * @throws {AppError} What reading the body throws of that class; anything else counts as the connection's.
 * @throws The signal's reason when it aborts.
 */
export async function sendRequest(request: TrackRequest): Promise<TrackAnswer> {
  const { signal, url } = request;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const sockets = new Set<Socket>();
  const abort = () => {
    reject(signal.reason);
    for (const socket of sockets) socket.destroy();
  };
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([exchange(request, sockets), aborted]);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof AppError) throw error;
    throw new TrackUnavailableError("track-connection", `No answer from ${url.host}`, { cause: error });
  } finally {
    signal.removeEventListener("abort", abort);
    for (const socket of sockets) socket.destroy();
  }
}

async function exchange(request: TrackRequest, sockets: Set<Socket>): Promise<TrackAnswer> {
  const socket = await openSocket(request, sockets);
  const { method, url, headers, body } = request;
  const outgoing = httpRequest({
    createConnection: () => socket,
    method,
    path: url.pathname + url.search,
    headers: { ...headers, host: url.host, connection: "close", accept: "application/json" },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve);
    outgoing.on("error", reject);
  });
  // It may answer before it has read everything, and close: then the answer tells more than the broken pipe.
  const sent = send(outgoing, body ?? []);
  const response = await Promise.race([answered, sent.then(() => answered)]);
  return {
    status: response.statusCode ?? 0,
    retryAfterMs: retryAfter(response),
    text: await readText(response),
  };
}

/** Connects; nothing is sent to an address that is not allowed, and over TLS nothing before the name is proven. */
async function openSocket(request: TrackRequest, sockets: Set<Socket>): Promise<Socket> {
  const { url, allowsAddress, authorities, signal } = request;
  const isSecure = url.protocol === "https:";
  const ca = isSecure ? await authorities.read() : undefined;
  // Whoever has stopped it would not know of a connection that is made from now on.
  signal.throwIfAborted();
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const socket = netConnect({ host, port: Number(url.port || (isSecure ? 443 : 80)) });
  sockets.add(socket);
  await untilEvent(socket, "connect");
  if (!allowsAddress(socket.remoteAddress ?? "")) {
    throw new TrackRefusedError(
      "track-address",
      `${url.host} must not be an address of this machine, the cluster or a private network`,
    );
  }
  if (!isSecure) return socket;
  // An address is verified, too, but can't be asked for by name.
  const secured = tlsConnect({
    socket,
    host,
    ...(isIP(host) === 0 && { servername: host }),
    ...(ca !== undefined && { ca }),
  });
  sockets.add(secured);
  try {
    await untilEvent(secured, "secureConnect");
  } catch (error) {
    throw certificateError(error, request);
  }
  return secured;
}

/** What to do about a certificate, by the code of TLS; undefined where other CAs would help. */
const CERTIFICATE_ADVICE: Readonly<Record<string, string | undefined>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: undefined,
  SELF_SIGNED_CERT_IN_CHAIN: undefined,
  DEPTH_ZERO_SELF_SIGNED_CERT: undefined,
  ERR_TLS_CERT_ALTNAME_INVALID: "use a name that it has",
  CERT_HAS_EXPIRED: "renew it",
};

function certificateError(error: unknown, { url, authorities }: TrackRequest): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (!Object.hasOwn(CERTIFICATE_ADVICE, code)) return error;
  return new TrackUnavailableError(
    "track-certificate",
    `Cannot send anything to ${url.host} as its certificate doesn't fit: ${describeError(error)}: ${
      CERTIFICATE_ADVICE[code] ?? authorities.advice
    }`,
  );
}

function untilEvent(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    // Stays, since an error that nobody listens to would end the process.
    socket.on("error", reject);
    socket.once("close", () => reject(new Error("the connection was closed")));
  });
}

async function send(
  outgoing: ReturnType<typeof httpRequest>,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  try {
    for await (const piece of body) {
      if (outgoing.destroyed) return;
      await written(outgoing, piece);
      giveBackPiece(piece);
    }
    outgoing.end();
  } catch (error) {
    outgoing.destroy();
    throw error;
  }
}

/** Resolves when the system has a piece, or the request is over. */
function written(outgoing: ReturnType<typeof httpRequest>, piece: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off("close", done);
      resolve();
    };
    outgoing.on("close", done);
    outgoing.write(piece, done);
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of response) {
    length += piece.length;
    if (length > LONGEST_ANSWER) {
      throw new TrackUnavailableError(
        "track-answer-too-large",
        `The answer has more than ${LONGEST_ANSWER} bytes`,
      );
    }
    pieces.push(piece);
  }
  if (!response.complete) throw new Error("the answer was cut off");
  return Buffer.concat(pieces).toString();
}

/** Seconds, as servers send it; a date counts as nothing. */
function retryAfter({ headers }: IncomingMessage): number {
  const seconds = Number(headers["retry-after"]);
  return seconds > 0 ? Math.min(seconds, LONGEST_RETRY_AFTER_SECONDS) * 1000 : 0;
}
