/**
 * One request to the API server: credentials, headers, and what a refusal or a failure means.
 *
 * @module
 */
import { unlessAborted } from "../clock.ts";
import { describeError } from "../errors.ts";
import type { ClusterAccess } from "./credentials.ts";
import { KubeError, kubeError, type Status } from "./errors.ts";

/** What is sent. */
export interface Request {
  /** HTTP method. */
  readonly method: string;
  /** Path below the API server's URL. */
  readonly path: string;
  /** What is being done to which object, for error messages. */
  readonly what: string;
  /** Query parameters; undefined ones are left out. */
  readonly query?: Record<string, string | undefined>;
  /** The representation to answer with. @default {"application/json"} */
  readonly accept?: string;
  /** The body's type. */
  readonly contentType?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Ends the request. */
  readonly signal: AbortSignal;
}

/**
 * Sends a request; the answer's body is the caller's to read.
 *
 * @throws {KubeError} When the server refuses.
 * @throws What `fetch` or reading the credentials throws; {@link asKubeError} sorts it out.
 */
export async function send(access: ClusterAccess, request: Request): Promise<Response> {
  const asking = Promise.all([access.httpClient(), access.headers()]);
  const [client, credentials] = await unlessAborted(asking, request.signal);
  const url = new URL(access.server + request.path);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  const headers = new Headers(credentials);
  headers.set("accept", request.accept ?? "application/json");
  // Insights are compressed already: packing them once more costs both sides time and memory.
  headers.set("accept-encoding", "identity");
  if (request.contentType) headers.set("content-type", request.contentType);
  const response = await fetch(url, {
    method: request.method,
    headers,
    body: request.body === undefined ? null : JSON.stringify(request.body),
    signal: request.signal,
    redirect: "error",
    ...(client ? { client } : {}),
  });
  if (response.ok) return response;
  if (response.status === 401) access.invalidate();
  const status = await readStatus(response, request.signal);
  throw kubeError(request.what, status, response.status, response.headers.get("retry-after"));
}

/**
 * A body that the signal ends, too, for those that are read for long. `fetch` doesn't once the garbage was collected:
 * Deno 2.9 refers to the signal only weakly after the headers, so a watch could neither be given up nor stopped.
 */
export function abortableBody(
  { body }: Response,
  signal: AbortSignal,
): ReadableStream<Uint8Array<ArrayBuffer>> | undefined {
  return body?.pipeThrough(new TransformStream(), { signal });
}

/**
 * Reads a body as JSON, at most until the signal aborts. In one piece, since passing a large body on chunk by chunk
 * takes a third more time and 20 MB more memory (measured on ConfigMaps of 400 kB).
 *
 * @throws The signal's reason when it aborts first.
 */
export function readJson<T>(response: Response, signal: AbortSignal): Promise<T> {
  return unlessAborted(response.json(), signal);
}

/**
 * Reads a body as text, at most until the signal aborts.
 *
 * @throws The signal's reason when it aborts first.
 */
export function readText(response: Response, signal: AbortSignal): Promise<string> {
  return unlessAborted(response.text(), signal);
}

/** Most of an error's text that is kept when it is not a Status object, as from a proxy in between. */
const LONGEST_ERROR_TEXT = 200;

async function readStatus(response: Response, signal: AbortSignal): Promise<Status> {
  const text = await readText(response, signal);
  try {
    const status: unknown = JSON.parse(text);
    if (typeof status === "object" && status !== null) return status as Status;
  } catch {
    // Not JSON: something other than an API server answered, and its text is all there is to tell.
  }
  return { message: text.slice(0, LONGEST_ERROR_TEXT) };
}

/** Turns whatever a request threw into a {@link KubeError}, or the signal's reason when that ended it. */
export function asKubeError(request: Request, error: unknown): unknown {
  if (request.signal.aborted) return request.signal.reason;
  if (error instanceof KubeError) return error;
  return new KubeError(`Cannot ${request.what}: ${describeError(error)}`, { status: 0 }, { cause: error });
}
