/**
 * Facts (what an environment reports about itself) and problems (what scanners found in it): each request becomes one message.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { FACT_FIELDS, PROBLEM_FIELDS } from "../lib/insights/fields.ts";
import { deleteFactsMessage, deleteProblemsMessage, encodeMessage } from "../lib/insights/messages.ts";
import { createFactList, createProblemList } from "../lib/insights/posted_list.ts";
import { repairDeletion } from "../lib/insights/repairs.ts";
import type { Guard } from "./admission.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";
import type { Receive } from "./receive.ts";

const OKAY = new TextEncoder().encode(JSON.stringify({ message: "okay" }));

/** For Hono; the server sends what `answer` got. */
const IGNORED = new Response();

/** Makes the routes `/facts` and `/problems`. */
export function createInsightsRoutes(
  { publisher }: Pick<RouteDeps, "publisher">,
  guard: Guard,
  receive: Receive,
): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.post(
    "/facts",
    guard<"/facts">(async (c) => {
      using list = await receive(c, createFactList);
      return await deliver(c, { type: "direct.facts", ...list });
    }),
  );

  routes.delete(
    "/facts/:source/:service?",
    guard<"/facts/:source/:service?">((c) => {
      const { source, service = "" } = c.req.param();
      const { warnings, ...repaired } = repairDeletion(FACT_FIELDS, { source, service });
      const message = deleteFactsMessage(c.get("environment"), repaired.source, repaired.service);
      return deliver(c, { type: message.type, body: encodeMessage(message), warnings });
    }),
  );

  routes.post(
    "/problems",
    guard<"/problems">(async (c) => {
      using list = await receive(c, createProblemList);
      return await deliver(c, { type: "direct.problems", ...list });
    }),
  );

  routes.delete(
    "/problems/:source/:service?",
    guard<"/problems/:source/:service?">((c) => {
      const { source, service = "" } = c.req.param();
      const { warnings, ...repaired } = repairDeletion(PROBLEM_FIELDS, { source, service });
      const message = deleteProblemsMessage(c.get("environment"), repaired.source, repaired.service);
      return deliver(c, { type: message.type, body: encodeMessage(message), warnings });
    }),
  );

  /**
   * Publishes a message and answers 200 once the broker has confirmed it. A client that hangs up doesn't cancel it, so that
   * messages keep their order.
   */
  async function deliver(c: Context<AppEnv>, { type, body, warnings }: Delivery): Promise<Response> {
    // Publishing detaches the body.
    const bytes = body.length;
    await publisher.publish({ id: c.get("requestId"), type, body });
    c.set("delivered", { type, bytes, warnings: warnings.length });
    if (warnings.length > 0) return c.json({ message: "okay", warnings });
    const headers = ["Content-Type", "application/json", "X-Request-Id", c.get("requestId")];
    c.env.answer({ status: 200, headers, body: OKAY });
    return IGNORED;
  }

  return routes;
}

interface Delivery {
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
  /** What was repaired. */
  readonly warnings: readonly string[];
}
