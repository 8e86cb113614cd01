/**
 * The description of the HTTP API: `/openapi.json`.
 *
 * @module
 */
import { Hono } from "hono";
import type { AppEnv } from "./deps.ts";
import { answerShared } from "./shared_answer.ts";

/**
 * Makes the route. It needs no token and no broker, and takes no place among the requests in hand. The document is made
 * where the program is built, from the schemas that validate, and loaded when it is asked for first.
 */
export function createOpenApiRoutes(): Hono<AppEnv> {
  let loading: Promise<Uint8Array<ArrayBuffer>> | undefined;
  return new Hono<AppEnv>().get("/openapi.json", async (c) => {
    loading ??= loadDocument();
    const document = await loading;
    // Anybody may ask, as often as they like.
    return answerShared(c, document);
  });
}

async function loadDocument(): Promise<Uint8Array<ArrayBuffer>> {
  const { default: document } = await import("../docs/openapi.json", { with: { type: "json" } });
  return new TextEncoder().encode(JSON.stringify(document));
}
