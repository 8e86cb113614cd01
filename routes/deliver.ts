/**
 * The end of every request: one message published, and the client told so.
 *
 * @module
 */
import type { Context } from "hono";
import { deadline } from "../lib/clock.ts";
import { UnavailableError } from "../lib/errors.ts";
import { encodeMessage, type InsightsMessage } from "../lib/insights/messages.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";

/** Options of {@link deliver}. */
export interface DeliverOptions {
  /** What is published. */
  readonly message: InsightsMessage;
  /** What was repaired. */
  readonly warnings?: readonly string[];
}

/**
 * Publishes a message and answers 200 once the broker has confirmed it. A client that hangs up doesn't stop it: what
 * was begun is finished, so that messages keep their order.
 *
 * @throws {UnavailableError} When it was not confirmed in time.
 */
export async function deliver(
  c: Context<AppEnv>,
  { publisher, clock, log, newId, limits }: RouteDeps,
  { message, warnings = [] }: DeliverOptions,
): Promise<Response> {
  const id = newId();
  const body = encodeMessage(message);
  using limit = deadline(clock, limits.publishTimeoutMs);
  try {
    await publisher.publish({ id, body }, { signal: limit.signal });
  } catch (cause) {
    if (!limit.signal.aborted) throw cause;
    throw new UnavailableError("publish-timeout", "The broker did not confirm in time", { cause });
  }
  const { namespace } = c.get("environment");
  log.debug("Message delivered", {
    id,
    namespace,
    type: message.type,
    bytes: body.length,
    warnings: warnings.length,
  });
  return c.json(warnings.length > 0 ? { message: "okay", warnings } : { message: "okay" });
}
