/**
 * Translates node's requests and answers from and to those of the web, which the routes use. It holds no connections.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { AppError } from "../errors.ts";
import { webRequest } from "./request.ts";

/** What the server hands to the app beside the request. */
export interface HttpBindings {
  /** The body as it arrives; it throws when the client goes away. A web stream in each request would halve throughput. */
  readonly body: AsyncIterable<Uint8Array> | undefined;
  /** Answers with this instead of the response, which costs as much as the rest of a small request. */
  readonly answer: (answer: Answer) => void;
}

/** What answers requests. */
export interface HttpApp {
  /** Answers a request, which has only method, URL and single headers. An error becomes 500. */
  fetch(request: Request, bindings: HttpBindings): Response | Promise<Response>;
}

/** An answer in memory: all of ours are small. */
export interface Answer {
  readonly status: number;
  /** Names and values alternate. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

const encoder = new TextEncoder();

/** An error that occurs outside of the routes, in the shape of theirs. */
export function failureAnswer(code: number, status: string, message: string): Answer {
  const body = encoder.encode(JSON.stringify({ status, message }));
  return { status: code, headers: ["Content-Type", "application/json"], body };
}

/** The answer to what is no HTTP request. */
export const NOT_HTTP: Answer = failureAnswer(400, "BAD REQUEST", "The request must be HTTP/1.1");

/** Lets the app answer a request. Never rejects. */
export async function respond(app: HttpApp, incoming: IncomingMessage): Promise<Answer> {
  const { headers, httpVersionMajor, httpVersionMinor } = incoming;
  // Node's parser accepts other version numbers.
  if (httpVersionMajor !== 1) return NOT_HTTP;
  if (headers.expect !== undefined && !/^100-continue$/i.test(headers.expect)) {
    return failureAnswer(417, "expectation failed", "No expectation but 100-continue can be met");
  }
  if (headers.host === undefined && httpVersionMinor === 1) {
    return failureAnswer(400, "BAD REQUEST", "The request must have a Host header");
  }
  let request: Request;
  try {
    request = webRequest(incoming);
  } catch {
    return failureAnswer(400, "BAD REQUEST", "The request must have a method and a path that are known");
  }
  try {
    let given: Answer | undefined;
    const answer = (whole: Answer) => void (given = whole);
    const response = await app.fetch(request, { body: bodyOf(incoming), answer });
    return given ?? await readResponse(response);
  } catch {
    // The error's text may hold anything. The routes log their own errors.
    return failureAnswer(500, "internal error", "Something went wrong on this side");
  }
}

async function readResponse(response: Response): Promise<Answer> {
  const body = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: [...response.headers].flat(), body };
}

/** Writes an answer; without a value for its header `Keep-Alive` it announces that the connection closes. */
export function writeAnswer(
  outgoing: ServerResponse,
  { status, headers, body }: Answer,
  keepAlive: string | undefined,
): void {
  const all = [...headers];
  const hasBody = outgoing.req.method !== "HEAD" && status !== 204 && status !== 304;
  if (hasBody) all.push("Content-Length", String(body.length));
  if (keepAlive === undefined) all.push("Connection", "close");
  else if (outgoing.shouldKeepAlive) all.push("Keep-Alive", keepAlive);
  outgoing.writeHead(status, all);
  // Text is written together with the head, and bytes are not. Latin-1 has a character for each byte.
  if (hasBody) outgoing.end(Buffer.from(body).toString("latin1"), "latin1");
  else outgoing.end();
}

/** The last answer of a connection as bytes, where there is no request to answer. */
export function encodeAnswer({ status, headers, body }: Answer): Uint8Array {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`];
  for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
  lines.push(`Content-Length: ${body.length}`, "Connection: close", "", "");
  return Buffer.concat([encoder.encode(lines.join("\r\n")), body]);
}

function bodyOf(incoming: IncomingMessage): AsyncIterable<Uint8Array> | undefined {
  const { "content-length": length, "transfer-encoding": encoding } = incoming.headers;
  if (encoding === undefined && (length === undefined || length === "0")) return undefined;
  return chunksOf(incoming);
}

/** Node's own iterator costs as much as the rest of a small request, and closes the connection when its reader stops. */
async function* chunksOf(incoming: IncomingMessage): AsyncGenerator<Uint8Array> {
  // A body that came with its head can be read once the parser has returned, without listeners.
  await undefined;
  for (;;) {
    const chunk: Uint8Array | null = incoming.read();
    if (chunk !== null) yield chunk;
    else if (incoming.complete && incoming.readableLength === 0) return;
    else if (incoming.destroyed) throw new AppError("client-gone", "The client closed the connection");
    else await untilReadable(incoming);
  }
}

function untilReadable(incoming: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ["readable", "end", "close"]) incoming.off(event, done);
      resolve();
    };
    for (const event of ["readable", "end", "close"]) incoming.on(event, done);
  });
}
