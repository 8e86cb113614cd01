/**
 * Answers whose body is always the same: it is in memory once, and no stream is made of it.
 *
 * @module
 */
import type { Context } from "hono";
import type { AppEnv } from "./deps.ts";

const HEADERS = { "Content-Type": "application/json" };

/** Answers 200 with bytes of JSON that never change. */
export function answerShared(c: Context<AppEnv>, body: Uint8Array<ArrayBuffer>): Response {
  // Without a server there are no bindings, whatever the type says.
  const bindings: Partial<AppEnv["Bindings"]> | undefined = c.env;
  if (bindings?.share === undefined) return c.body(body, 200, HEADERS);
  bindings.share(body);
  return c.body(null, 200, HEADERS);
}
