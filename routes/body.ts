/**
 * Reads request bodies, whatever content type they claim to be.
 *
 * @module
 */
import type { Context } from "hono";
import { AppError } from "../lib/errors.ts";
import { BodyError } from "../lib/insights/errors.ts";
import type { AppEnv } from "./deps.ts";

/** A body as it arrives; a `Request` is one. */
export interface BodySource {
  /** Those of the request. */
  readonly headers: Headers;
  /** Null for no body. */
  readonly body: AsyncIterable<Uint8Array> | null;
}

/** Where a request's body comes from: the server hands it over beside the request, a test as part of it. */
export function bodySource({ req, env }: Context<AppEnv>): BodySource {
  // Without a server there are no bindings, whatever the type says.
  const bindings: Partial<AppEnv["Bindings"]> | undefined = env;
  return { headers: req.raw.headers, body: bindings?.body ?? req.raw.body };
}

/** How many bytes a body is said to have; 0 when nothing is said. */
export function declaredLength({ headers }: Pick<BodySource, "headers">): number {
  return Number(headers.get("content-length")) || 0;
}

/**
 * Hands on a request's body while it arrives; never takes more than the limit, also when the body comes in chunks and its
 * length is not known before.
 *
 * @param onChunk Takes each part as it comes, one after the other, with how many bytes have come so far; what it throws ends
 * the reading.
 * @throws {AppError} Code `body-too-large`.
 * @throws {BodyError} Code `body-incomplete`, when the client goes away.
 */
export async function readBody(
  source: BodySource,
  maxBytes: number,
  onChunk: (chunk: Uint8Array, receivedBytes: number) => void | Promise<void>,
): Promise<void> {
  if (declaredLength(source) > maxBytes) throw tooLarge(maxBytes);
  if (source.body === null) return;
  const chunks = source.body[Symbol.asyncIterator]();
  let receivedBytes = 0;
  try {
    for (let chunk = await nextOf(chunks); chunk !== undefined; chunk = await nextOf(chunks)) {
      receivedBytes += chunk.length;
      if (receivedBytes > maxBytes) throw tooLarge(maxBytes);
      await onChunk(chunk, receivedBytes);
    }
  } finally {
    await chunks.return?.();
  }
}

async function nextOf(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    const { done, value } = await chunks.next();
    return done ? undefined : value;
  } catch {
    throw new BodyError("body-incomplete", "The body must arrive completely");
  }
}

function tooLarge(maxBytes: number): AppError {
  return new AppError("body-too-large", `The body must have at most ${maxBytes} bytes`);
}
