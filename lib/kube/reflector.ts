/**
 * List and watch, for good: tells a handler about every object of one resource that matches a selector, and goes
 * on through everything that ends a watch. It keeps the objects' names, not the objects.
 *
 * @module
 */
import { backoff, type Clock, delay, nextTurn } from "../clock.ts";
import { describeError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { KubeClient } from "./client.ts";
import { isGone, KubeError } from "./errors.ts";
import { formatKey, keyOf, type ObjectKey, type PartialObject, type Resource } from "./objects.ts";

/** Takes what a reflector sees. It must not throw, and returns at once. */
export interface ReflectorHandler {
  /** The object is there: new, changed, or just seen again by a new list. */
  onObject(object: PartialObject): void;
  /** The object is gone, or doesn't match the selector any more. */
  onGone(key: ObjectKey): void;
  /** A whole list has gone through. */
  onListed?(): void;
}

/** Options of {@link createReflector}. */
export interface ReflectorOptions {
  /** The API server. */
  readonly client: Pick<KubeClient, "list" | "watch">;
  /** What is watched. */
  readonly resource: Resource<PartialObject>;
  /** Which of them, by label. */
  readonly labelSelector?: string;
  /** Which of them, by field. */
  readonly fieldSelector?: string;
  /** The handler is given the whole objects; for kinds whose objects are small. @default {false} */
  readonly whole?: boolean;
  /** Who is told. */
  readonly handler: ReflectorHandler;
  /** Paces retries. */
  readonly clock: Clock;
  /** Source of jitter, a number in [0, 1). */
  readonly random: () => number;
  /** Where lists and interruptions are told. */
  readonly log: Logger;
}

/** A running list and watch. */
export interface Reflector {
  /** Lists and watches until the signal aborts; never throws. */
  run(options: { signal: AbortSignal }): Promise<void>;
  /** Whether a whole list has gone through, so that the handler knows of everything. */
  isSynced(): boolean;
  /** When the API server last told us anything, in milliseconds since the epoch; 0 before that. */
  lastContact(): number;
}

/** Objects in a page: large enough for few requests, which cost the API server most, small enough for little memory. */
const PAGE_SIZE = 1000;
/** A watch lasts about 2 minutes; a different time for each keeps them from ending together. */
const WATCH_SECONDS = { least: 100, spread: 40 };
/** Nothing need come in a watch while nothing changes, but its end must: one that is silent for longer is dead. */
const WATCH_IDLE_MS = 150_000;
/** A whole new list this often, in case a server forgot to tell of a change. */
const RELIST_MS = 60 * 60 * 1000;
/** A second at least between two requests that did not go well. */
const RETRY = { baseMs: 2_000, capMs: 30_000 };
/** A watch that ends sooner than this did not go well, even if it ended without an error. */
const SHORT_WATCH_MS = 1_000;

/** Makes a reflector; nothing is sent before `run`. */
export function createReflector(options: ReflectorOptions): Reflector {
  const { client, resource, handler, clock, log } = options;
  const { labelSelector, fieldSelector, whole = false } = options;
  const selection = { labelSelector, fieldSelector, whole };
  let known = new Set<string>();
  let synced = false;
  let contact = 0;
  let listedAt = 0;

  /** Reads all pages; tells of everything that is there, and of everything that has gone since the last list. */
  async function list(signal: AbortSignal): Promise<string> {
    const found = new Set<string>();
    const startedAt = clock.now();
    const resourceVersion = await readPages(signal, (object) => {
      found.add(formatKey(keyOf(object)));
      handler.onObject(object);
    });
    const gone = [...known].filter((key) => !found.has(key));
    known = found;
    for (const key of gone) handler.onGone(parseKey(key));
    handler.onListed?.();
    synced = true;
    listedAt = clock.now();
    log.info("Listed", {
      resource: resource.plural,
      objects: found.size,
      milliseconds: Math.round(listedAt - startedAt),
    });
    return resourceVersion;
  }

  /** The answer is where a watch begins. While one page is told of, the API server makes the next one. */
  async function readPages(signal: AbortSignal, onObject: (object: PartialObject) => void): Promise<string> {
    const read = (continueToken?: string) =>
      client.list(resource, { ...selection, limit: PAGE_SIZE, continueToken, signal });
    let page = await read();
    for (;;) {
      contact = clock.now();
      const { items, continueToken, resourceVersion } = page;
      const next = continueToken === undefined ? undefined : read(continueToken);
      if (next) {
        // Its failure is met below, unless a handler fails first.
        next.catch(() => {});
        // Requests go out when everything else has had its turn.
        await nextTurn();
      }
      for (const object of items) onObject(object);
      if (!next) return resourceVersion;
      page = await next;
    }
  }

  /** Watches once; the answer is where the next watch begins. */
  async function watch(resourceVersion: string, signal: AbortSignal, onSeen: (version: string) => void) {
    const timeoutSeconds = WATCH_SECONDS.least + Math.floor(options.random() * WATCH_SECONDS.spread);
    const events = client.watch(resource, {
      ...selection,
      resourceVersion,
      timeoutSeconds,
      idleMs: WATCH_IDLE_MS,
      onOpen: () => contact = clock.now(),
      signal,
    });
    for await (const { type, object } of events) {
      contact = clock.now();
      if (type === "DELETED") {
        known.delete(formatKey(keyOf(object)));
        handler.onGone(keyOf(object));
      } else if (type !== "BOOKMARK") {
        known.add(formatKey(keyOf(object)));
        handler.onObject(object);
      }
      // Only now, so that a handler that fails is told of this object again.
      onSeen(object.metadata.resourceVersion);
    }
  }

  async function run({ signal }: { signal: AbortSignal }): Promise<void> {
    let resourceVersion: string | undefined;
    let failures = 0;
    while (!signal.aborted) {
      const startedAt = clock.now();
      try {
        if (resourceVersion === undefined || clock.now() - listedAt >= RELIST_MS) {
          resourceVersion = await list(signal);
        }
        await watch(resourceVersion, signal, (version) => resourceVersion = version);
        if (clock.now() - startedAt >= SHORT_WATCH_MS) failures = 0;
        else await pause(failures++, undefined, signal);
      } catch (error) {
        if (signal.aborted) return;
        // Listing again is the remedy for both ways in which a version or a page's token becomes too old.
        if (isGone(error)) resourceVersion = undefined;
        if (clock.now() - startedAt >= RETRY.capMs) failures = 0;
        await pause(failures++, error, signal);
      }
    }
  }

  async function pause(failures: number, error: unknown, signal: AbortSignal): Promise<void> {
    const asked = error instanceof KubeError ? error.retryAfterMs ?? 0 : 0;
    const waitMs = Math.max(asked, backoff(failures, { ...RETRY, random: options.random }));
    if (error !== undefined) {
      log.warn("Watch interrupted", {
        resource: resource.plural,
        error: describeError(error),
        retryMs: waitMs,
      });
    }
    // An abort ends the wait and, as its only error, the loop.
    await delay(clock, waitMs, signal).catch(() => {});
  }

  return { run, isSynced: () => synced, lastContact: () => contact };
}

function parseKey(text: string): ObjectKey {
  const slash = text.indexOf("/");
  return slash < 0
    ? { namespace: "", name: text }
    : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}
