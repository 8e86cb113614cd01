/**
 * Problems: what scanners have found in an environment.
 *
 * @module
 */
import { Hono } from "hono";
import { deleteProblemsMessage } from "../lib/insights/direct_messages.ts";
import { encodeMessage } from "../lib/insights/messages.ts";
import { createProblemList } from "../lib/insights/posted_list.ts";
import { deliver } from "./deliver.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";
import type { Guard } from "./guards.ts";
import { receiveList } from "./list.ts";

/**
 * Makes the routes below `/problems`.
 *
 * @param guard Runs first, and sets `environment` and `admitted`.
 */
export function createProblemsRoutes(deps: RouteDeps, guard: Guard): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.post(
    "/",
    guard<"/">(async (c) => {
      const list = await receiveList(c, deps.limits, createProblemList);
      return deliver(c, deps, { type: "direct.problems", ...list });
    }),
  );

  routes.delete(
    "/:source/:service?",
    guard<"/:source/:service?">((c) => {
      const { source, service } = c.req.param();
      const message = deleteProblemsMessage(c.get("environment"), source, service);
      return deliver(c, deps, { type: message.type, body: encodeMessage(message) });
    }),
  );

  return routes;
}
