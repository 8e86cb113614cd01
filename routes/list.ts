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
import type { AppEnv, RequestLimits } from "./deps.ts";

/** Bodies above this size, in bytes, are received only few at a time (lib/config/options_web.ts). Most are far below it. */
const LARGE_BYTES = 64 * 1024;

/** Parts of a body up to this size, in bytes, are taken at once; so are most bodies as a whole. */
const SMALL_BYTES = 4096;

/**
 * Reads the request's list while it arrives. Of large bodies only a few are received at a time, and they wait for their turn
 * with each part, so that many of them at once don't hold up everybody else.
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
  const admitted = c.get("admitted");
  // Room for all of a body is taken before its beginning is, so that many of them don't keep each other from their ends.
  const declaredBytes = declaredLength(source);
  using places = new DisposableStack();
  let isLarge = false;
  const enterOnce = async () => {
    if (isLarge) return;
    isLarge = true;
    places.use(await admitted.enterLarge());
  };
  const take = (chunk: Uint8Array) => {
    list.push(chunk);
    admitted.holdBytes(Math.max(declaredBytes, list.heldBytes));
  };
  const takeInTurn = async (chunk: Uint8Array, receivedBytes: number) => {
    if (receivedBytes > LARGE_BYTES) await enterOnce();
    if (chunk.length <= SMALL_BYTES) take(chunk);
    else await admitted.inTurn(() => take(chunk));
  };
  if (declaredBytes <= limits.maxBodyBytes) {
    if (declaredBytes > LARGE_BYTES) await enterOnce();
    admitted.holdBytes(declaredBytes);
  }
  await readBody(
    source,
    limits.maxBodyBytes,
    (chunk, receivedBytes) => receivedBytes <= SMALL_BYTES ? take(chunk) : takeInTurn(chunk, receivedBytes),
  );
  return list.end();
}
