/**
 * The description of the HTTP API: `/openapi.json`.
 *
 * @module
 */
import { Hono } from "hono";
import type { AppEnv } from "./deps.ts";

/**
 * Makes the route. It needs no token, no broker and no slot. `deno task docs` generates the document; it is loaded with the
 * first request.
 */
export function createOpenApiRoutes(): Hono<AppEnv> {
  let loading: Promise<string> | undefined;
  return new Hono<AppEnv>().get("/openapi.json", async (c) => {
    loading ??= loadDocument();
    return c.body(await loading, 200, { "Content-Type": "application/json" });
  });
}

async function loadDocument(): Promise<string> {
  const { default: document } = await import("../docs/openapi.json", { with: { type: "json" } });
  return JSON.stringify(document);
}
