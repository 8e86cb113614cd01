/**
 * The end of every request: one message published, and the client told so.
 *
 * @module
 */
import type { Context } from "hono";
import type { AppEnv, RouteDeps } from "./deps.ts";
import { answerShared } from "./shared_answer.ts";

const OKAY = new TextEncoder().encode(JSON.stringify({ message: "okay" }));

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
 * @throws {AppError} Codes `message-too-large`, and those of `holdBytes`.
 */
export async function deliver(
  c: Context<AppEnv>,
  { publisher }: Pick<RouteDeps, "publisher">,
  { type, body, warnings = [] }: DeliverOptions,
): Promise<Response> {
  const id = c.get("requestId");
  // Publishing takes the body over.
  const bytes = body.length;
  c.get("admitted").holdBytes(bytes);
  await publisher.publish({ id, type, body });
  c.set("delivered", { type, bytes, warnings: warnings.length });
  return warnings.length > 0 ? c.json({ message: "okay", warnings }) : answerShared(c, OKAY);
}
