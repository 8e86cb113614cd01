/**
 * Reads request bodies, whatever content type they claim to be.
 *
 * @module
 */
import type { Context } from "hono";
import { AppError } from "../lib/errors.ts";
import { BodyError } from "../lib/insights/schemas.ts";
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

/**
 * Reads a request's body as UTF-8; a byte order mark is left out. Never holds more than the limit, also when
 * the body comes in chunks and its length is not known before.
 *
 * @throws {AppError} Code `body-too-large`.
 * @throws {BodyError} Codes `body-encoding`, and `body-incomplete` when the client goes away.
 */
export async function readBody(source: BodySource, maxBytes: number): Promise<string> {
  if (Number(source.headers.get("content-length")) > maxBytes) throw tooLarge(maxBytes);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let size = 0;
  let text = "";
  for await (const chunk of chunksOf(source)) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    text += decode(decoder, chunk);
  }
  return text + decode(decoder);
}

async function* chunksOf({ body }: BodySource): AsyncGenerator<Uint8Array> {
  try {
    if (body !== null) yield* body;
  } catch {
    throw new BodyError("body-incomplete", "The body must arrive completely");
  }
}

function decode(decoder: TextDecoder, chunk?: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch {
    throw new BodyError("body-encoding", "The body must be UTF-8");
  }
}

function tooLarge(maxBytes: number): AppError {
  return new AppError("body-too-large", `The body must have at most ${maxBytes} bytes`);
}
