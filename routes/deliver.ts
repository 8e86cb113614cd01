/**
 * Publishes the message of a request and answers.
 *
 * @module
 */
import type { Context } from "hono";
import type { Publisher } from "../lib/broker/publisher.ts";
import type { AppEnv } from "./deps.ts";

const OKAY = new TextEncoder().encode(JSON.stringify({ message: "okay" }));

/** For Hono; the server sends what `answer` got. */
const IGNORED = new Response();

/** What to publish. */
export interface Delivery {
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
  /** What was repaired. */
  readonly warnings?: readonly string[];
}

/**
 * Publishes a message and answers 200 once the broker has confirmed it. A client that hangs up doesn't cancel it, so that
 * messages keep their order.
 *
 * @throws {UnavailableError} When it was not confirmed in time.
 * @throws {AppError} Code `message-too-large`.
 */
export async function deliver(
  c: Context<AppEnv>,
  publisher: Publisher,
  { type, body, warnings = [] }: Delivery,
): Promise<Response> {
  // Publishing detaches the body.
  const bytes = body.length;
  await publisher.publish({ id: c.get("requestId"), type, body });
  c.set("delivered", { type, bytes, warnings: warnings.length });
  if (warnings.length > 0) return c.json({ message: "okay", warnings });
  const headers = ["Content-Type", "application/json", "X-Request-Id", c.get("requestId")];
  c.env.answer({ status: 200, headers, body: OKAY });
  return IGNORED;
}
