/**
 * The end of every request: one message published, and the client told so.
 *
 * @module
 */
import type { Context } from "hono";
import { AppError } from "../lib/errors.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";

/** Options of {@link deliver}. */
export interface DeliverOptions {
  /** The message's type, for the log. */
  readonly type: string;
  /** The message. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** What was repaired. */
  readonly warnings?: readonly string[];
}

/**
 * Publishes a message and answers 200 once the broker has confirmed it. A client that hangs up doesn't stop it: what
 * was begun is finished, so that messages keep their order.
 *
 * @throws {UnavailableError} When it was not confirmed in time.
 * @throws {AppError} Codes `message-too-large`, and those of {@link holdBytes}.
 */
export async function deliver(
  c: Context<AppEnv>,
  { publisher }: Pick<RouteDeps, "publisher">,
  { type, body, warnings = [] }: DeliverOptions,
): Promise<Response> {
  const id = c.get("requestId");
  // Publishing takes the body over.
  const bytes = body.length;
  holdBytes(c, bytes);
  await publisher.publish({ id, body });
  c.set("delivered", { type, bytes, warnings: warnings.length });
  return c.json(warnings.length > 0 ? { message: "okay", warnings } : { message: "okay" });
}

/**
 * Has the request hold so many bytes instead of those that it held before.
 *
 * @throws {AppError} Code `too-many-bytes` while there is no room for them; `needs-too-many-bytes` when there never is.
 */
export function holdBytes(c: Context<AppEnv>, size: number): void {
  const share = c.get("bytes");
  if (share.resize(size)) return;
  if (size > share.most) {
    throw new AppError(
      "needs-too-many-bytes",
      `The request needs more than ${share.most} bytes of memory: send the items in several requests`,
    );
  }
  throw new AppError(
    "too-many-bytes",
    "Too many bytes of requests are being served, of all environments or of this one: send it again later",
  );
}
