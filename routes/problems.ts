/**
 * Problems: what scanners have found in an environment.
 *
 * @module
 */
import { Hono, type MiddlewareHandler } from "hono";
import { deleteProblemsMessage, problemsMessage } from "../lib/insights/direct_messages.ts";
import { repairProblems } from "../lib/insights/repairs.ts";
import { parseJson, parseProblems } from "../lib/insights/schemas.ts";
import { bodySource, readBody } from "./body.ts";
import { deliver } from "./deliver.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";

/**
 * Makes the routes below `/problems`.
 *
 * @param guard Runs first, and sets `environment`.
 */
export function createProblemsRoutes(deps: RouteDeps, guard: MiddlewareHandler<AppEnv>): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.post("/", guard, async (c) => {
    const body = parseJson(await readBody(bodySource(c), deps.limits.maxBodyBytes));
    const { items, warnings } = repairProblems(parseProblems(body));
    return deliver(c, deps, { message: problemsMessage(c.get("environment"), items), warnings });
  });

  routes.delete("/:source/:service?", guard, (c) => {
    const { source, service } = c.req.param();
    return deliver(c, deps, { message: deleteProblemsMessage(c.get("environment"), source, service) });
  });

  return routes;
}
