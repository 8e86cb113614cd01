/**
 * The description of the HTTP API: `/openapi.json`.
 *
 * @module
 */
import { Hono } from "hono";
import type { AppEnv } from "./deps.ts";

/**
 * Makes the route. It needs no token and no broker, and takes no place among the requests in hand. The document is made
 * where the program is built, from the schemas that validate, and loaded when it is asked for first.
 */
export function createOpenApiRoutes(): Hono<AppEnv> {
  let text: Promise<string> | undefined;
  return new Hono<AppEnv>().get("/openapi.json", async (c) => {
    text ??= loadText();
    return c.body(await text, 200, { "Content-Type": "application/json" });
  });
}

async function loadText(): Promise<string> {
  const { default: document } = await import("../docs/openapi.json", { with: { type: "json" } });
  return JSON.stringify(document);
}
