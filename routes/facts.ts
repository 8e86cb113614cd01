/**
 * Facts: what an environment says about itself.
 *
 * @module
 */
import { Hono, type MiddlewareHandler } from "hono";
import { deleteFactsMessage, factsMessage } from "../lib/insights/direct_messages.ts";
import { repairFacts } from "../lib/insights/repairs.ts";
import { parseFacts, parseJson } from "../lib/insights/schemas.ts";
import { bodySource, readBody } from "./body.ts";
import { deliver } from "./deliver.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";

/**
 * Makes the routes below `/facts`.
 *
 * @param guard Runs first, and sets `environment`.
 */
export function createFactsRoutes(deps: RouteDeps, guard: MiddlewareHandler<AppEnv>): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.post("/", guard, async (c) => {
    const body = parseJson(await readBody(bodySource(c), deps.limits.maxBodyBytes));
    const { items, warnings } = repairFacts(parseFacts(body));
    return deliver(c, deps, { message: factsMessage(c.get("environment"), items), warnings });
  });

  routes.delete("/:source/:service?", guard, (c) => {
    const { source, service } = c.req.param();
    return deliver(c, deps, { message: deleteFactsMessage(c.get("environment"), source, service) });
  });

  return routes;
}
