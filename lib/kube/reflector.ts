/**
 * Lists and watches one resource for as long as the program runs, and passes every object that matches a selector to a
 * handler. It recovers from whatever ends a watch. It keeps the objects' names, not the objects.
 *
 * @module
 */
import { backoff, type Clock, delay } from "../clock.ts";
import { describeError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { KubeClient, ListPage, Selection } from "./client.ts";
import { isGone, KubeError, retryAfterOf } from "./errors.ts";
import type { SkippedObject } from "./large_objects.ts";
import { formatKey, keyOf, type ObjectKey, parseKey, type PartialObject, type Resource } from "./objects.ts";

/** Handles what a reflector sees. It must not throw, and must return quickly. */
export interface ReflectorHandler {
  /** The object is new, has changed, or was listed again. */
  onObject(object: PartialObject): void;
  /** The object was deleted, or no longer matches the selector. */
  onGone(key: ObjectKey): void;
  /** A complete list has been passed on. */
  onListed?(): void;
}

/** Options of {@link createReflector}. */
export interface ReflectorOptions extends Selection {
  readonly client: Pick<KubeClient, "list" | "watch">;
  readonly resource: Resource;
  readonly handler: ReflectorHandler;
  readonly clock: Clock;
  /** Source of jitter: a number in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** A list and watch. */
export interface Reflector {
  /** Lists and watches until the signal aborts; never throws. */
  run(options: { signal: AbortSignal }): Promise<void>;
  /** Whether a complete list has been passed on, so that the handler knows every object. */
  isSynced(): boolean;
  /**
   * Milliseconds since the last page, event, bookmark, or regular end of a watch; `undefined` before one. Connecting does not
   * count, because a watch may be accepted and fail at its first event.
   */
  silenceMs(): number | undefined;
}

/** Objects per page: few requests, which are the larger cost for the API server. */
const PAGE_SIZE = 1000;
/** The server ends a watch after this time. The spread keeps watches from ending together. */
const WATCH_SECONDS = { least: 100, spread: 40 };
/** A watch that is silent for longer than its server-side timeout is dead. */
const WATCH_IDLE_MS = 150_000;
/** After a longer silence the next attempt is a list: it shows at once that the server answers, where a watch may say nothing. */
const MAX_SILENCE_MS = 2 * WATCH_IDLE_MS;
/** Safety net for changes that no watch reported. */
const RELIST_MS = 60 * 60 * 1000;
const RETRY = { baseMs: 2_000, capMs: 30_000 };
/** As many watches from one version may fail, whatever the reason, before a list gives another. */
const MAX_REFUSED = 3;
/** A watch that ends sooner counts as a failure, even if it ended without an error. */
const SHORT_WATCH_MS = 1_000;

/** Makes a reflector; it sends nothing before `run`. */
export function createReflector(options: ReflectorOptions): Reflector {
  const { client, resource, handler, clock, log } = options;
  const { labelSelector, fieldSelector, whole = false } = options;
  const selection = { labelSelector, fieldSelector, whole };
  let known = new Set<string>();
  let synced = false;
  let contactAt: number | undefined;
  let listedAt = 0;
  /** Where the next watch starts; it needs a list first without it. */
  let resourceVersion: string | undefined;

  /** Reads all pages, and reports what has gone since the last list. */
  async function list(signal: AbortSignal): Promise<string> {
    const found = new Set<string>();
    const startedAt = clock.monotonic();
    let page: ListPage | undefined;
    do {
      page = await client.list(resource, {
        ...selection,
        limit: PAGE_SIZE,
        continueToken: page?.continueToken,
        onObject: (object) => found.add(pass(object)),
        onTooLarge: skip,
        signal,
      });
      contactAt = clock.monotonic();
    } while (page.continueToken !== undefined);
    const gone = known.difference(found);
    known = found;
    for (const key of gone) handler.onGone(parseKey(key));
    handler.onListed?.();
    synced = true;
    listedAt = clock.monotonic();
    const milliseconds = Math.round(listedAt - startedAt);
    log.info("Listed", { resource: resource.plural, objects: found.size, milliseconds });
    return page.resourceVersion;
  }

  /** The object is known even if its list fails later: the next list may show that it has gone. */
  function pass(object: PartialObject): string {
    const key = formatKey(keyOf(object));
    known.add(key);
    handler.onObject(object);
    return key;
  }

  function skip({ namespace = "", name = "" }: SkippedObject): void {
    log.warn("Skipped an object that is too large", {
      resource: resource.plural,
      object: formatKey({ namespace, name }),
    });
  }

  async function watch(from: string, signal: AbortSignal): Promise<void> {
    const timeoutSeconds = WATCH_SECONDS.least + Math.floor(options.random() * WATCH_SECONDS.spread);
    const events = client.watch(resource, {
      ...selection,
      resourceVersion: from,
      timeoutSeconds,
      idleMs: WATCH_IDLE_MS,
      onTooLarge: skip,
      signal,
    });
    for await (const { type, object } of events) {
      contactAt = clock.monotonic();
      if (type === "DELETED") {
        known.delete(formatKey(keyOf(object)));
        handler.onGone(keyOf(object));
      } else if (type !== "BOOKMARK") pass(object);
      // After the handler, so that the object comes again if the handler throws.
      resourceVersion = object.metadata.resourceVersion;
    }
  }

  async function run({ signal }: { signal: AbortSignal }): Promise<void> {
    let failures = 0;
    /** Watches in a row that the server refused from one version. */
    let refused = { version: resourceVersion, count: 0 };
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      const elapsedMs = () => clock.monotonic() - startedAt;
      try {
        const isSilent = startedAt - (contactAt ?? startedAt) >= MAX_SILENCE_MS;
        if (resourceVersion === undefined || isSilent || startedAt - listedAt >= RELIST_MS) {
          resourceVersion = await list(signal);
        }
        await watch(resourceVersion, signal);
        if (elapsedMs() >= SHORT_WATCH_MS) {
          failures = 0;
          // The server ended it in time: where nothing ever changes, it may send neither events nor bookmarks.
          contactAt = clock.monotonic();
        } else await pause(failures++, undefined, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof KubeError && error.status !== 0) {
          const count = refused.version === resourceVersion ? refused.count + 1 : 1;
          refused = { version: resourceVersion, count };
        }
        // The version to watch from or a page's token has expired, or the server never had it, as after a restore.
        if (isGone(error) || refused.count >= MAX_REFUSED) {
          resourceVersion = undefined;
          refused = { version: undefined, count: 0 };
        }
        if (elapsedMs() >= RETRY.capMs) failures = 0;
        await pause(failures++, error, signal);
      }
    }
  }

  async function pause(failures: number, error: unknown, signal: AbortSignal): Promise<void> {
    const retryMs = Math.max(retryAfterOf(error), backoff(failures, { ...RETRY, random: options.random }));
    if (error !== undefined) {
      log.warn("Watch interrupted", { resource: resource.plural, error: describeError(error), retryMs });
    }
    // Only an abort rejects, and that ends the loop.
    await delay(clock, retryMs, signal).catch(() => {});
  }

  return {
    run,
    isSynced: () => synced,
    silenceMs: () => contactAt === undefined ? undefined : clock.monotonic() - contactAt,
  };
}
