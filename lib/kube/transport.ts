/**
 * One request to the API server: its credentials and headers, and its response.
 *
 * @module
 */
import { unlessAborted } from "../clock.ts";
import { describeError } from "../errors.ts";
import type { ClusterAccess } from "./credentials.ts";
import { KubeError, kubeError, type Status } from "./errors.ts";
import { ObjectText, ObjectTooLargeError } from "./large_objects.ts";

/** A request to the API server. */
export interface KubeRequest {
  readonly method: string;
  /** Path below the API server's URL. */
  readonly path: string;
  /** The action and its object, for error messages: `get configmaps main/web`. */
  readonly what: string;
  /** Undefined parameters are omitted. */
  readonly query?: Record<string, string | undefined>;
  /** @default {"application/json"} */
  readonly accept?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Of the body. @default {"application/json"} */
  readonly contentType?: string;
  readonly signal: AbortSignal;
}

/**
 * Sends a request; the caller reads the response's body.
 *
 * @throws {KubeError} When the server answers with an error.
 * @throws What `fetch` or reading the credentials throws; see {@link asKubeError}.
 */
export async function send(access: ClusterAccess, request: KubeRequest): Promise<Response> {
  const connection = await unlessAborted(access.connect(), request.signal);
  const url = new URL(access.server + request.path);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  const headers = new Headers(connection.headers);
  headers.set("accept", request.accept ?? "application/json");
  // Insights are already compressed.
  headers.set("accept-encoding", "identity");
  if (request.body !== undefined) headers.set("content-type", request.contentType ?? "application/json");
  const response = await fetch(url, {
    method: request.method,
    headers,
    body: request.body === undefined ? null : JSON.stringify(request.body),
    signal: request.signal,
    redirect: "error",
    ...(connection.client ? { client: connection.client } : {}),
  });
  if (response.ok) return response;
  if (response.status === 401) access.invalidate(connection);
  const status = await readStatus(response, request.signal);
  throw kubeError(request.what, status, response.status, response.headers.get("retry-after"));
}

/**
 * A body that ends with the signal, for bodies that are read for long. `fetch` itself stops watching its signal once garbage was
 * collected: after the headers, Deno 2.9 refers to it only weakly.
 */
export function abortableBody({ body }: Response, signal: AbortSignal): ReadableStream<Uint8Array> {
  return body?.pipeThrough(new TransformStream(), { signal }) ?? ReadableStream.from([]);
}

/**
 * Reads a body as JSON.
 *
 * @throws {ObjectTooLargeError} The rest is then not received.
 * @throws The signal's reason when it aborts first.
 */
export async function readJson<T>(response: Response, signal: AbortSignal): Promise<T> {
  return parseJson(await readText(response, signal));
}

async function readText(response: Response, signal: AbortSignal): Promise<string> {
  const text = new ObjectText();
  for await (const chunk of abortableBody(response, signal)) {
    text.add(chunk);
    if (text.isTooLarge) throw new ObjectTooLargeError();
  }
  return text.take();
}

/** Without the parser's message, which quotes the text: it may be a Secret's. */
function parseJson<T>(text: string): T {
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError("the answer is not JSON");
  }
}

/** Longest part of an error that is kept when it is not a Status object, such as a proxy's. */
const MAX_ERROR_CHARACTERS = 200;

async function readStatus(response: Response, signal: AbortSignal): Promise<Status> {
  const text = await readText(response, signal);
  try {
    const status: unknown = JSON.parse(text);
    if (typeof status === "object" && status !== null) return status as Status;
  } catch {
    // Not from an API server.
  }
  return { message: text.slice(0, MAX_ERROR_CHARACTERS) };
}

/** Turns whatever a request threw into a {@link KubeError}, or into the signal's reason when that ended the request. */
export function asKubeError(request: KubeRequest, error: unknown): unknown {
  if (request.signal.aborted) return request.signal.reason;
  if (error instanceof KubeError || error instanceof ObjectTooLargeError) return error;
  return new KubeError(`Cannot ${request.what}: ${describeError(error)}`, { status: 0 }, { cause: error });
}
