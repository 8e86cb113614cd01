/**
 * Problems: what scanners found in an environment.
 *
 * @module
 */
import { Hono } from "hono";
import { deleteProblemsMessage, encodeMessage } from "../lib/insights/messages.ts";
import { createProblemList } from "../lib/insights/posted_list.ts";
import type { Guard } from "./admission.ts";
import { deliver } from "./deliver.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";
import type { Receive } from "./receive.ts";

/** Makes the routes below `/problems`. */
export function createProblemsRoutes(
  { publisher }: Pick<RouteDeps, "publisher">,
  guard: Guard,
  receive: Receive,
): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.post(
    "/",
    guard<"/">(async (c) => {
      using list = await receive(c, createProblemList);
      return await deliver(c, publisher, { type: "direct.problems", ...list });
    }),
  );

  routes.delete(
    "/:source/:service?",
    guard<"/:source/:service?">((c) => {
      const { source, service } = c.req.param();
      const message = deleteProblemsMessage(c.get("environment"), source, service);
      return deliver(c, publisher, { type: message.type, body: encodeMessage(message) });
    }),
  );

  return routes;
}
