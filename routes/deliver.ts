/**
 * Publishes the message of a request and answers.
 *
 * @module
 */
import type { Context } from "hono";
import type { Publisher } from "../lib/broker/publisher.ts";
import type { AppEnv } from "./deps.ts";

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
  return c.json(warnings.length > 0 ? { message: "okay", warnings } : { message: "okay" });
}
