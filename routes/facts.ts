/**
 * Facts: what an environment says about itself.
 *
 * @module
 */
import { Hono } from "hono";
import { deleteFactsMessage } from "../lib/insights/direct_messages.ts";
import { encodeMessage } from "../lib/insights/messages.ts";
import { createFactList } from "../lib/insights/posted_list.ts";
import { repairFactSource } from "../lib/insights/repairs.ts";
import { deliver } from "./deliver.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";
import type { Guard } from "./guards.ts";
import { receiveList } from "./list.ts";

/**
 * Makes the routes below `/facts`.
 *
 * @param guard Runs first, and sets `environment` and `admitted`.
 */
export function createFactsRoutes(deps: RouteDeps, guard: Guard): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.post(
    "/",
    guard<"/">(async (c) => {
      const list = await receiveList(c, deps.limits, createFactList);
      return deliver(c, deps, { type: "direct.facts", ...list });
    }),
  );

  routes.delete(
    "/:source/:service?",
    guard<"/:source/:service?">((c) => {
      const { source, warnings } = repairFactSource(c.req.param("source"));
      const message = deleteFactsMessage(c.get("environment"), source, c.req.param("service"));
      return deliver(c, deps, { type: message.type, body: encodeMessage(message), warnings });
    }),
  );

  return routes;
}
