/**
 * Between node's requests and answers and those of the web, which the routes know. It holds no connections.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { AppError } from "../errors.ts";
import { webRequest } from "./request.ts";

/** What the server hands to the app beside the request. */
export interface HttpBindings {
  /**
   * The body as it arrives; undefined when there is none. It ends with an error when the client goes away. The request
   * itself never has one, since a stream of the web for each request halves how many are served.
   */
  readonly body: AsyncIterable<Uint8Array> | undefined;
}

/** What answers requests. */
export interface HttpApp {
  /** Answers one, of which it may read method, URL and single headers; what it throws becomes 500. */
  fetch(request: Request, bindings: HttpBindings): Response | Promise<Response>;
}

/** A whole answer in memory: all of ours are small. */
export interface Answer {
  /** HTTP status. */
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** Its body. */
  readonly body: Uint8Array;
}

const encoder = new TextEncoder();

/** Answers up to this size, in bytes, are written together with their heads. */
const SMALL_BYTES = 4096;

/** An answer in the shape that clients know from the routes, for what goes wrong outside of them. */
export function failureAnswer(code: number, status: string, message: string): Answer {
  return {
    status: code,
    headers: ["Content-Type", "application/json"],
    body: encoder.encode(JSON.stringify({ status, message })),
  };
}

/** Answers what can't be read as a request. */
export const NOT_HTTP: Answer = failureAnswer(400, "BAD REQUEST", "The request must be HTTP/1.1");

/** Lets the app answer a request. Never rejects. */
export async function respond(app: HttpApp, incoming: IncomingMessage): Promise<Answer> {
  const { headers, httpVersionMajor, httpVersionMinor } = incoming;
  // Node's parser knows version numbers that aren't spoken this way.
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
    return await readResponse(await app.fetch(request, { body: bodyOf(incoming) }));
  } catch {
    // The error's text may hold anything; the routes log their own.
    return failureAnswer(500, "internal error", "Something went wrong on this side");
  }
}

async function readResponse(response: Response): Promise<Answer> {
  const body = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: [...response.headers].flat(), body };
}

/**
 * Writes an answer.
 *
 * @param isLast Whether the client is told that the connection closes after it.
 */
export function writeAnswer(
  outgoing: ServerResponse,
  { status, headers, body }: Answer,
  isLast: boolean,
): void {
  const all = [...headers];
  const hasBody = outgoing.req.method !== "HEAD" && status !== 204 && status !== 304;
  if (hasBody) all.push("Content-Length", String(body.length));
  if (isLast) all.push("Connection", "close");
  outgoing.writeHead(status, all);
  if (!hasBody) outgoing.end();
  // As text it goes out in one piece with the head, and as bytes in two; Latin-1 has a character for each byte.
  else if (body.length <= SMALL_BYTES) outgoing.end(Buffer.from(body).toString("latin1"), "latin1");
  // Large ones are many clients' one copy.
  else outgoing.end(body);
}

/** An answer as bytes, for a connection on which no request could be read. */
export function encodeAnswer({ status, headers, body }: Answer): Uint8Array {
  const lines = [`HTTP/1.1 ${status} ${REASONS[status] ?? "Error"}`];
  for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
  lines.push(`Content-Length: ${body.length}`, "Connection: close", "", "");
  const head = encoder.encode(lines.join("\r\n"));
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  408: "Request Timeout",
  431: "Request Header Fields Too Large",
};

function bodyOf(incoming: IncomingMessage): AsyncIterable<Uint8Array> | undefined {
  const { "content-length": length, "transfer-encoding": encoding } = incoming.headers;
  if (encoding === undefined && (length === undefined || length === "0")) return undefined;
  return chunksOf(incoming);
}

/**
 * Node's own iterator costs as much as all the rest of a small request, and closes the connection when its reader stops,
 * who is going to answer.
 */
async function* chunksOf(incoming: IncomingMessage): AsyncGenerator<Uint8Array> {
  // What came together with the head is there when the parser has returned: then most bodies need no listeners.
  await undefined;
  for (;;) {
    const chunk: Uint8Array | null = incoming.read();
    if (chunk !== null) yield chunk;
    else if (incoming.complete && incoming.readableLength === 0) return;
    else if (incoming.destroyed) throw new AppError("client-gone", "The client closed the connection");
    else await untilReadable(incoming);
  }
}

/** Resolves when there is more to read, or nothing more will come. */
function untilReadable(incoming: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ["readable", "end", "close"]) incoming.off(event, done);
      resolve();
    };
    for (const event of ["readable", "end", "close"]) incoming.on(event, done);
  });
}
