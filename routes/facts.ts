/**
 * Facts: what an environment reports about itself.
 *
 * @module
 */
import { Hono } from "hono";
import { deleteFactsMessage, encodeMessage } from "../lib/insights/messages.ts";
import { createFactList } from "../lib/insights/posted_list.ts";
import { repairFactSource } from "../lib/insights/repairs.ts";
import type { Guard } from "./admission.ts";
import { deliver } from "./deliver.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";
import type { Receive } from "./receive.ts";

/** Makes the routes below `/facts`. */
export function createFactsRoutes(
  { publisher }: Pick<RouteDeps, "publisher">,
  guard: Guard,
  receive: Receive,
): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.post(
    "/",
    guard<"/">(async (c) => {
      using list = await receive(c, createFactList);
      return await deliver(c, publisher, { type: "direct.facts", ...list });
    }),
  );

  routes.delete(
    "/:source/:service?",
    guard<"/:source/:service?">((c) => {
      const { source, warnings } = repairFactSource(c.req.param("source"));
      const message = deleteFactsMessage(c.get("environment"), source, c.req.param("service"));
      return deliver(c, publisher, { type: message.type, body: encodeMessage(message), warnings });
    }),
  );

  return routes;
}
