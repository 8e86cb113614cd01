/**
 * What a request has to pass before it is read: each guard costs less than what it keeps away.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { every } from "hono/combine";
import { AppError, UnavailableError } from "../lib/errors.ts";
import { type Clock, deadline } from "../lib/clock.ts";
import { FairGate } from "../lib/fair_gate.ts";
import { FairShare, LARGEST_PART } from "../lib/fair_share.ts";
import { FairTurns } from "../lib/fair_turns.ts";
import { createAuthenticate } from "./auth.ts";
import type { AppEnv, RouteDeps } from "./deps.ts";

/** How many environments' large bodies are received at the same time; each takes tens of megabytes on its way. */
export const LARGE_PLACES = 3;

/** How long a large body waits for that, in milliseconds: less than a whole request may take to arrive. */
const LARGE_WAIT_MS = 5000;

/**
 * Makes the middleware that all routes share, since they also share the limits of requests and bytes in flight. Who
 * sends no valid token takes no place from others.
 */
export function createGuard(
  deps: Pick<RouteDeps, "publisher" | "verify" | "limits" | "metrics" | "clock">,
): MiddlewareHandler<AppEnv> {
  return every(
    refuseMalformedPath,
    createAuthenticate(deps),
    createRequireBroker(deps.publisher),
    createAdmit(deps),
  );
}

/** Hono would hand on as they are the parts of a path that it can't decode. */
const refuseMalformedPath: MiddlewareHandler = async function refuseMalformedPath(c, next) {
  try {
    decodeURIComponent(new URL(c.req.url).pathname);
  } catch {
    throw new AppError("path-malformed", "The path must be percent-encoded UTF-8");
  }
  await next();
};

function createRequireBroker(publisher: RouteDeps["publisher"]): MiddlewareHandler {
  return async function requireBroker(_c, next) {
    if (!publisher.isReady()) {
      throw new UnavailableError("broker-not-ready", "The broker can't confirm messages");
    }
    await next();
  };
}

/** Environments share places, bytes and the event loop, so that a busy or hostile one leaves some for others. */
function createAdmit(
  { limits, metrics, clock }: Pick<RouteDeps, "limits" | "metrics" | "clock">,
): MiddlewareHandler<AppEnv> {
  const { maxInFlight, maxBufferedBytes } = limits;
  const places = new FairShare({ total: maxInFlight, least: 1 });
  // Whoever is alone may send the largest body, and still there is room for the small ones of others.
  const bytes = new FairShare({
    total: maxBufferedBytes,
    least: Math.floor(maxBufferedBytes * LARGEST_PART),
  });
  const turns = new FairTurns(clock);
  const gate = new FairGate(LARGE_PLACES);
  metrics.observe("requests_in_flight", () => ({ web: places.held }));
  metrics.observe("request_bytes", () => ({ web: bytes.held }));
  return async function admit(c, next) {
    const { namespace } = c.get("environment");
    using place = places.open(namespace);
    if (!place.resize(1)) {
      throw new AppError(
        "too-many-in-flight",
        "Too many requests are being served, of all environments or of this one: send it again later",
      );
    }
    using held = bytes.open(namespace);
    c.set("bytes", held);
    c.set("inTurn", (work) => turns.run(namespace, work));
    c.set("enterLarge", () => enterLarge(gate, namespace, clock));
    await next();
  };
}

async function enterLarge(gate: FairGate, namespace: string, clock: Clock): Promise<Disposable> {
  using limit = deadline(clock, LARGE_WAIT_MS);
  try {
    return await gate.enter(namespace, limit.signal);
  } catch {
    throw new AppError(
      "too-many-large",
      "Too many large bodies are being received, of all environments or of this one: send it again later",
    );
  }
}
