/**
 * Answers whose body is always the same: it is in memory once, and no stream is made of it.
 *
 * @module
 */
import type { Context } from "hono";
import type { AppEnv } from "./deps.ts";
import { ANSWERED, REQUEST_ID_HEADER } from "./record.ts";

/** Answers 200 with bytes of JSON that never change. */
export function answerShared(c: Context<AppEnv>, body: Uint8Array<ArrayBuffer>): Response {
  // Without a server there are no bindings, whatever the type says.
  const bindings: Partial<AppEnv["Bindings"]> | undefined = c.env;
  if (bindings?.answer === undefined) return c.body(body, 200, { "Content-Type": "application/json" });
  const headers = ["Content-Type", "application/json", REQUEST_ID_HEADER, c.get("requestId")];
  bindings.answer({ status: 200, headers, body });
  return ANSWERED;
}
