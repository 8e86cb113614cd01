/**
 * A small typed client of the Kubernetes API: the verbs that controllers need, paged lists, watches that end, metadata-only
 * representations, and errors with the server's reason.
 *
 * @module
 */
import { type Clock, deadline } from "../clock.ts";
import type { ClusterAccess } from "./credentials.ts";
import type { SkippedObject } from "./large_objects.ts";
import { type ListSink, readList } from "./list_stream.ts";
import { formatKey, type ObjectKey, type PartialObject, type Resource, resourcePath } from "./objects.ts";
import { abortableBody, asKubeError, type KubeRequest, readJson, send } from "./transport.ts";
import { readWatchEvents, type WatchEvent } from "./watch_stream.ts";

/** One page of a list, besides its objects. */
export interface ListPage {
  /** Where a watch can start. */
  readonly resourceVersion: string;
  /** Requests the next page; `undefined` on the last one. */
  readonly continueToken: string | undefined;
}

/** Which objects to read; all objects without selectors. */
export interface Selection {
  readonly labelSelector?: string | undefined;
  /** RBAC knows `metadata.name=…` only. */
  readonly fieldSelector?: string | undefined;
  /** Whole objects instead of metadata; for kinds whose objects are small. */
  readonly whole?: boolean;
}

/** What every call takes. */
export interface RequestOptions {
  readonly signal: AbortSignal;
}

/** Options of {@link KubeClient.list}. */
export interface ListOptions extends Selection, RequestOptions, ListSink {
  /** All namespaces without it. */
  readonly namespace?: string;
  /** Most objects in a page. */
  readonly limit: number;
  /** From the previous page. */
  readonly continueToken?: string | undefined;
}

/** Options of {@link KubeClient.watch}. */
export interface WatchOptions extends Selection, RequestOptions {
  /** Where the watch starts. */
  readonly resourceVersion: string;
  /** The server ends the watch after this time. */
  readonly timeoutSeconds: number;
  /** The watch counts as dead after this time without an event or a bookmark. */
  readonly idleMs: number;
  /** Called instead of an event for an object that is too large. */
  readonly onTooLarge: (object: SkippedObject) => void;
}

/** Conditions of a delete: it fails with a conflict when the object was replaced, or has changed. */
export interface Preconditions {
  readonly uid: string;
  /** Any version without it. */
  readonly resourceVersion?: string;
}

/** The fields to create or change, with their metadata. */
export interface ObjectPatch {
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

/** Changes one object; returns its metadata, since the whole object may be a megabyte. */
export type Write = (
  resource: Resource,
  key: ObjectKey,
  object: ObjectPatch,
  options: RequestOptions,
) => Promise<PartialObject>;

/** Owner of our fields in server-side apply, and the recorded author of our writes. */
export const FIELD_MANAGER = "insights-remote";

/**
 * Requests to the API server. They throw a {@link KubeError} when it answers with an error or can't be reached, and the signal's
 * reason when the signal aborts.
 */
export interface KubeClient {
  /** One page of objects; metadata only, unless `whole` is set. */
  list(resource: Resource, options: ListOptions): Promise<ListPage>;
  /** Changes of objects in all namespaces, with bookmarks, until the server ends the watch. */
  watch(resource: Resource, options: WatchOptions): AsyncGenerator<WatchEvent>;
  /** The whole object. */
  get<T extends PartialObject>(resource: Resource<T>, key: ObjectKey, options: RequestOptions): Promise<T>;
  /** The object's metadata. */
  getMetadata(resource: Resource, key: ObjectKey, options: RequestOptions): Promise<PartialObject>;
  /** Creates an object; with an empty name in the key, `metadata.generateName` names it. */
  readonly create: Write;
  /** Merge patch (RFC 7386): `null` removes a field, whoever owns it. */
  readonly patch: Write;
  /** Server-side apply: our fields become exactly these. Without `metadata.uid` it creates a missing object. */
  readonly apply: Write;
  /** Deletes the object if it is still the one that was read. A pod may take a while to end. */
  delete(
    resource: Resource,
    key: ObjectKey,
    preconditions: Preconditions,
    options: RequestOptions,
  ): Promise<void>;
  /** Creates a review, which the API server does not store, and returns its status. */
  ask<Status>(resource: Resource, spec: unknown, options: RequestOptions): Promise<Status>;
}

const WHOLE = "application/json";
const METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/** Options of {@link createKubeClient}. */
export interface KubeClientOptions {
  readonly access: ClusterAccess;
  readonly clock: Clock;
  /** From the start of a request to the end of its response; of a list, without any bytes. @default {30000} */
  readonly requestTimeoutMs?: number;
}

/** Makes a client; it sends nothing before the first call. */
export function createKubeClient(
  { access, clock, requestTimeoutMs = 30_000 }: KubeClientOptions,
): KubeClient {
  async function call<T>(
    request: KubeRequest,
  ): Promise<T> {
    using limit = deadline(clock, requestTimeoutMs, request.signal);
    try {
      const response = await send(access, { ...request, signal: limit.signal });
      return await readJson(response, limit.signal);
    } catch (error) {
      throw asKubeError(request, error);
    }
  }

  function object<T>(
    verb: string,
    resource: Resource,
    key: ObjectKey,
    request: Omit<KubeRequest, "path" | "what"> & { path?: string },
  ): Promise<T> {
    const what = `${verb} ${resource.plural} ${formatKey(key)}`;
    return call<T>({ path: resourcePath(resource, key), what, ...request });
  }

  return {
    list: async (resource, options) => {
      const { namespace, labelSelector, fieldSelector, whole, limit, continueToken } = options;
      const request: KubeRequest = {
        method: "GET",
        path: resourcePath(resource, namespace === undefined ? undefined : { namespace, name: "" }),
        what: `list ${resource.plural}${namespace === undefined ? "" : ` of ${namespace}`}`,
        query: { labelSelector, fieldSelector, limit: String(limit), continue: continueToken },
        accept: whole ? WHOLE : METADATA_LIST,
        signal: options.signal,
      };
      using idle = deadline(clock, requestTimeoutMs, options.signal);
      try {
        const response = await send(access, { ...request, signal: idle.signal });
        const { metadata } = await readList(abortableBody(response, idle.signal), {
          ...options,
          onChunk: () => idle.extend(),
        });
        return { resourceVersion: metadata.resourceVersion, continueToken: metadata.continue || undefined };
      } catch (error) {
        throw asKubeError(request, error);
      }
    },

    watch: async function* (resource, options) {
      const { labelSelector, fieldSelector, whole, resourceVersion, timeoutSeconds, idleMs, signal } =
        options;
      const request: KubeRequest = {
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
        yield* readWatchEvents(abortableBody(response, idle.signal), {
          what: request.what,
          onChunk: () => idle.extend(),
          onTooLarge: options.onTooLarge,
        });
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
        body: { ...body, ...typeOf(resource), metadata: { ...body.metadata, ...nameOf(key) } },
        signal,
      }),

    ask: async <Status>(resource: Resource, spec: unknown, { signal }: RequestOptions) => {
      const { status } = await call<{ status: Status }>({
        method: "POST",
        path: resourcePath(resource),
        what: `create ${resource.plural}`,
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

    delete: (resource, key, preconditions, { signal }) =>
      object("delete", resource, key, {
        method: "DELETE",
        accept: METADATA,
        body: { apiVersion: "v1", kind: "DeleteOptions", preconditions },
        signal,
      }),
  };
}

function typeOf(resource: Resource): { apiVersion: string; kind: string } {
  return { apiVersion: resource.apiVersion, kind: resource.kind };
}

function nameOf({ namespace, name }: ObjectKey): { namespace?: string; name?: string } {
  return { ...(namespace !== "" ? { namespace } : {}), ...(name !== "" ? { name } : {}) };
}
