/**
 * Reads request bodies, whatever content type they claim to be.
 *
 * @module
 */
import { AppError } from "../lib/errors.ts";
import { BodyError } from "../lib/insights/schemas.ts";

/**
 * Reads a request's body as UTF-8; a byte order mark is left out. Never holds more than the limit, also when
 * the body comes in chunks and its length is not known before.
 *
 * @throws {AppError} Code `body-too-large`.
 * @throws {BodyError} Codes `body-encoding`, and `body-incomplete` when the client goes away.
 */
export async function readBody(request: Request, maxBytes: number): Promise<string> {
  if (Number(request.headers.get("content-length")) > maxBytes) throw tooLarge(maxBytes);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let size = 0;
  let text = "";
  for await (const chunk of chunksOf(request)) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    text += decode(decoder, chunk);
  }
  return text + decode(decoder);
}

async function* chunksOf({ body }: Request): AsyncGenerator<Uint8Array> {
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
