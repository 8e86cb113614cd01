/**
 * Receives a list of facts or problems.
 *
 * @module
 */
import type { Context } from "hono";
import type { ListLimits } from "../lib/insights/item_reader.ts";
import type { PostedList } from "../lib/insights/posted_list.ts";
import type { Environment } from "../lib/lagoon.ts";
import { bodySource, declaredLength, readBody } from "./body.ts";
import { holdBytes } from "./deliver.ts";
import type { AppEnv, RequestLimits } from "./deps.ts";

/** Parts of a body up to this size, in bytes, are taken at once; so are most bodies as a whole. */
const SMALL_BYTES = 4096;

/**
 * Reads the request's list while it arrives. Large bodies wait for their turn with each part, so that many of them at
 * once don't hold up everybody else.
 *
 * @throws {AppError} Those of `holdBytes`, and what reading the body and the list throws.
 */
export async function receiveList(
  c: Context<AppEnv>,
  limits: RequestLimits,
  createList: (environment: Environment, limits: ListLimits) => PostedList,
): Promise<ReturnType<PostedList["end"]>> {
  using list = createList(c.get("environment"), limits);
  const source = bodySource(c);
  // Room for all of a body is taken before its beginning is, so that many of them don't keep each other from their ends.
  const declaredBytes = declaredLength(source);
  if (declaredBytes <= limits.maxBodyBytes) holdBytes(c, declaredBytes);
  await readBody(source, limits.maxBodyBytes, async (chunk) => {
    const take = () => {
      list.push(chunk);
      holdBytes(c, Math.max(declaredBytes, list.heldBytes));
    };
    if (chunk.length <= SMALL_BYTES) take();
    else await c.get("inTurn")(take);
  });
  return list.end();
}
