/**
 * A small typed client of the Kubernetes API over `fetch`: the verbs that controllers need, paged lists, watches
 * that end, metadata-only representations, and errors that carry the server's reason.
 *
 * @module
 */
import { type Clock, deadline } from "../clock.ts";
import type { ClusterAccess } from "./credentials.ts";
import { type ListText, splitList } from "./list_items.ts";
import { formatKey, type ObjectKey, type PartialObject, type Resource, resourcePath } from "./objects.ts";
import { abortableBody, asKubeError, readJson, readText, type Request, send } from "./transport.ts";
import { readWatchEvents, type WatchEvent } from "./watch_stream.ts";

/** One page of a list. */
export interface ListPage<T> {
  /** In the server's order, once through: each is made when it is asked for, without its `managedFields`. */
  readonly items: Iterable<T>;
  /** Where a watch can begin. */
  readonly resourceVersion: string;
  /** Asks for the next page; `undefined` on the last one. */
  readonly continueToken: string | undefined;
}

/** Options of {@link KubeClient.list}. */
export interface ListOptions {
  /** All namespaces without it. */
  readonly namespace?: string;
  /** All objects without it. */
  readonly labelSelector?: string | undefined;
  /** All objects without it; as `metadata.name=…` the only selector that RBAC knows. */
  readonly fieldSelector?: string | undefined;
  /** The whole objects instead of their metadata; for kinds whose objects are small. */
  readonly whole?: boolean;
  /** Most objects in a page. */
  readonly limit: number;
  /** From the page before. */
  readonly continueToken?: string | undefined;
  /** Ends the request. */
  readonly signal: AbortSignal;
}

/** Options of {@link KubeClient.watch}. */
export interface WatchOptions {
  /** All objects without it. */
  readonly labelSelector?: string | undefined;
  /** All objects without it; as `metadata.name=…` the only selector that RBAC knows. */
  readonly fieldSelector?: string | undefined;
  /** The whole objects instead of their metadata; for kinds whose objects are small. */
  readonly whole?: boolean;
  /** Where the watch begins. */
  readonly resourceVersion: string;
  /** After this time the server ends the watch. */
  readonly timeoutSeconds: number;
  /** After this time without an event or a bookmark the watch counts as dead. */
  readonly idleMs: number;
  /** Called when the server has accepted the watch; on a quiet cluster that is all it says for minutes. */
  readonly onOpen?: () => void;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** Conditions of a delete: it is refused with a conflict when the object is another one, or has changed. */
export interface Preconditions {
  /** The object's identity, which no other of its name has. */
  readonly uid: string;
  /** The version that was read; without it whatever has become of the object. */
  readonly resourceVersion?: string;
}

/** What is sent to create or change an object: the fields in question, with their metadata. */
export interface ObjectPatch {
  /** Identity, conditions, labels and annotations. */
  readonly metadata?: {
    readonly name?: string;
    readonly generateName?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string | null>>;
    readonly annotations?: Readonly<Record<string, string | null>>;
  };
  /** Any other field of the kind. */
  readonly [field: string]: unknown;
}

/** Options of {@link createKubeClient}. */
export interface KubeClientOptions {
  /** Where the API server is, and who we are. */
  readonly access: ClusterAccess;
  /** Limits requests. */
  readonly clock: Clock;
  /** Limit for one request, from its start to the end of its answer. @default {30000} */
  readonly requestTimeoutMs?: number;
}

/** Name under which our fields are kept (server-side apply) and our writes recorded. */
export const FIELD_MANAGER = "insights-remote";

/**
 * Requests to the API server. All of them throw a {@link KubeError} when it refuses or can't be reached, and the
 * signal's reason when the signal aborts. Changes answer with metadata only, since our changes are to metadata or
 * to small objects, and a ConfigMap may be a megabyte.
 */
export interface KubeClient {
  /** One page of objects, across all namespaces unless one is named; metadata only, unless asked for more. */
  list(resource: Resource<PartialObject>, options: ListOptions): Promise<ListPage<PartialObject>>;
  /** Objects as they change, across all namespaces, with bookmarks; ends when the server ends it. */
  watch(resource: Resource<PartialObject>, options: WatchOptions): AsyncGenerator<WatchEvent>;
  /** The whole object. */
  get<T extends PartialObject>(resource: Resource<T>, key: ObjectKey, options: Signal): Promise<T>;
  /** The object's metadata. */
  getMetadata(resource: Resource<PartialObject>, key: ObjectKey, options: Signal): Promise<PartialObject>;
  /** Creates an object; with an empty name in the key, `metadata.generateName` names it. */
  create<T extends PartialObject>(
    resource: Resource<T>,
    key: ObjectKey,
    object: ObjectPatch,
    options: Signal,
  ): Promise<PartialObject>;
  /** Has the API server answer a question: creates an object that it doesn't keep, and gives its status. */
  ask<Status>(resource: Resource<PartialObject>, spec: unknown, options: Signal): Promise<Status>;
  /** Merge patch (RFC 7386): `null` removes a field, whoever owns it. */
  patch(
    resource: Resource<PartialObject>,
    key: ObjectKey,
    patch: ObjectPatch,
    options: Signal,
  ): Promise<PartialObject>;
  /**
   * Server-side apply: our fields become exactly these. Without `metadata.uid` it creates what isn't there.
   */
  apply(
    resource: Resource<PartialObject>,
    key: ObjectKey,
    fields: ObjectPatch,
    options: Signal,
  ): Promise<PartialObject>;
  /** Deletes the object if it is still the one that was read. A pod may take a while to end. */
  delete(
    resource: Resource<PartialObject>,
    key: ObjectKey,
    preconditions: Preconditions,
    options: Signal,
  ): Promise<void>;
}

/** What every call takes. */
export interface Signal {
  /** Ends the request. */
  readonly signal: AbortSignal;
}

const WHOLE = "application/json";
const METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/** Makes a client; nothing is sent before the first call. */
export function createKubeClient(options: KubeClientOptions): KubeClient {
  const { access, clock } = options;
  const requestTimeoutMs = options.requestTimeoutMs ?? 30_000;

  async function call<T>(request: Request, read: typeof readJson<T> = readJson): Promise<T> {
    using limit = deadline(clock, requestTimeoutMs, request.signal);
    try {
      const response = await send(access, { ...request, signal: limit.signal });
      return await read(response, limit.signal);
    } catch (error) {
      throw asKubeError(request, error);
    }
  }

  function object<T>(
    verb: string,
    resource: Resource<PartialObject>,
    key: ObjectKey,
    request: Omit<Request, "path" | "what"> & { path?: string },
  ): Promise<T> {
    const what = `${verb} ${resource.plural} ${formatKey(key)}`;
    return call<T>({ path: resourcePath(resource, key), what, ...request });
  }

  return {
    list: async (resource, options) => {
      const { namespace, labelSelector, fieldSelector, whole, limit, continueToken, signal } = options;
      const request: Request = {
        method: "GET",
        path: resourcePath(resource, namespace === undefined ? undefined : { namespace, name: "" }),
        what: `list ${resource.plural}${namespace === undefined ? "" : ` of ${namespace}`}`,
        query: { labelSelector, fieldSelector, limit: String(limit), continue: continueToken },
        accept: whole ? WHOLE : METADATA_LIST,
        signal,
      };
      const { metadata, items } = await call(request, readList);
      const { resourceVersion, continue: next } = metadata;
      return { items, resourceVersion, continueToken: next === "" ? undefined : next };
    },

    watch: async function* (resource, options) {
      const { labelSelector, fieldSelector, whole, resourceVersion, timeoutSeconds, idleMs, signal } =
        options;
      const request: Request = {
        method: "GET",
        path: resourcePath(resource),
        what: `watch ${resource.plural}`,
        query: {
          labelSelector,
          fieldSelector,
          resourceVersion,
          watch: "true",
          allowWatchBookmarks: "true",
          timeoutSeconds: String(timeoutSeconds),
        },
        accept: whole ? WHOLE : METADATA,
        signal,
      };
      using idle = deadline(clock, idleMs, signal);
      try {
        const response = await send(access, { ...request, signal: idle.signal });
        options.onOpen?.();
        const body = abortableBody(response, idle.signal);
        if (body) yield* readWatchEvents(body, request.what, () => idle.extend());
      } catch (error) {
        throw asKubeError(request, error);
      }
    },

    get: (resource, key, { signal }) => object("get", resource, key, { method: "GET", signal }),

    getMetadata: (resource, key, { signal }) =>
      object("get", resource, key, { method: "GET", accept: METADATA, signal }),

    create: (resource, key, body, { signal }) =>
      object("create", resource, key, {
        method: "POST",
        path: resourcePath(resource, { ...key, name: "" }),
        query: { fieldManager: FIELD_MANAGER },
        accept: METADATA,
        contentType: "application/json",
        body: { ...body, ...typeOf(resource), metadata: { ...body.metadata, ...nameOf(key) } },
        signal,
      }),

    ask: async <Status>(resource: Resource<PartialObject>, spec: unknown, { signal }: Signal) => {
      const { status } = await call<{ status: Status }>({
        method: "POST",
        path: resourcePath(resource),
        what: `create ${resource.plural}`,
        contentType: "application/json",
        body: { ...typeOf(resource), spec },
        signal,
      });
      return status;
    },

    patch: (resource, key, body, { signal }) =>
      object("patch", resource, key, {
        method: "PATCH",
        query: { fieldManager: FIELD_MANAGER },
        accept: METADATA,
        contentType: "application/merge-patch+json",
        body,
        signal,
      }),

    apply: (resource, key, body, { signal }) =>
      object("apply", resource, key, {
        method: "PATCH",
        query: { fieldManager: FIELD_MANAGER, force: "true" },
        accept: METADATA,
        contentType: "application/apply-patch+yaml",
        body: { ...body, ...typeOf(resource), metadata: { ...body.metadata, ...nameOf(key) } },
        signal,
      }),

    delete: async (resource, key, preconditions, { signal }) => {
      await object("delete", resource, key, {
        method: "DELETE",
        accept: METADATA,
        contentType: "application/json",
        body: { apiVersion: "v1", kind: "DeleteOptions", preconditions },
        signal,
      });
    },
  };
}

async function readList(response: Response, signal: AbortSignal): Promise<ListText> {
  return splitList(await readText(response, signal));
}

function typeOf(resource: Resource<PartialObject>): { apiVersion: string; kind: string } {
  return { apiVersion: resource.apiVersion, kind: resource.kind };
}

function nameOf({ namespace, name }: ObjectKey): { namespace?: string; name?: string } {
  return { ...(namespace !== "" ? { namespace } : {}), ...(name !== "" ? { name } : {}) };
}
