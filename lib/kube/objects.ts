/**
 * The Kubernetes kinds that the program reads and writes, as they travel in JSON. The field types are those of
 * the official client; only times differ, which are strings on the wire.
 *
 * @module
 */
import type {
  CoreV1Event,
  V1ConfigMap,
  V1Lease,
  V1Namespace,
  V1ObjectMeta,
  V1Secret,
} from "@kubernetes/client-node";

/** A type of the official client as its JSON form: dates are RFC 3339 strings. */
export type Json<T> = T extends Date ? string
  : T extends (infer Item)[] ? Json<Item>[]
  : T extends object ? { [Key in keyof T]: Json<T[Key]> }
  : T;

/** Metadata of an object that the API server holds, where these fields are always set. */
export type ObjectMeta = Json<V1ObjectMeta> & { name: string; uid: string; resourceVersion: string };

/** Any object, as far as its metadata goes; what metadata-only requests answer. */
export interface PartialObject {
  /** Name, labels, annotations and version. */
  readonly metadata: ObjectMeta;
}

/** An object that lives in a namespace. */
export interface NamespacedObject {
  /** The same, with the namespace. */
  readonly metadata: ObjectMeta & { namespace: string };
}

/** `v1/Namespace`. */
export type Namespace = Json<V1Namespace> & PartialObject;
/** `v1/ConfigMap`; `binaryData` holds base64. */
export type ConfigMap = Json<V1ConfigMap> & NamespacedObject;
/** `v1/Secret`; `data` holds base64. */
export type Secret = Json<V1Secret> & NamespacedObject;
/** `v1/Event`. */
export type Event = Json<CoreV1Event> & NamespacedObject;
/** `coordination.k8s.io/v1/Lease`; its times are written with exactly six digits after the second. */
export type Lease = Json<V1Lease> & NamespacedObject;

/** Where a kind lives in the API, with the type of its objects. */
export interface Resource<T extends PartialObject> {
  /** Group and version, such as `v1`. */
  readonly apiVersion: string;
  /** The kind's name in CamelCase. */
  readonly kind: string;
  /** The name in URLs, in lower-case plural. */
  readonly plural: string;
  /** Whether its objects live in namespaces. */
  readonly namespaced: boolean;
  /** Only carries the type; never set. */
  readonly objectType?: T;
}

/** The resources that the program uses. */
export const RESOURCES = {
  namespaces: resource<Namespace>("v1", "Namespace", "namespaces", false),
  configMaps: resource<ConfigMap>("v1", "ConfigMap", "configmaps", true),
  secrets: resource<Secret>("v1", "Secret", "secrets", true),
  events: resource<Event>("v1", "Event", "events", true),
  leases: resource<Lease>("coordination.k8s.io/v1", "Lease", "leases", true),
  tokenReviews: resource("authentication.k8s.io/v1", "TokenReview", "tokenreviews", false),
  subjectAccessReviews: resource(
    "authorization.k8s.io/v1",
    "SubjectAccessReview",
    "subjectaccessreviews",
    false,
  ),
} as const;

/** Names one object; cluster-scoped objects have the namespace `""`. */
export interface ObjectKey {
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  /** Unique within the namespace and kind. */
  readonly name: string;
}

/** The key of an object. */
export function keyOf({ metadata }: PartialObject): ObjectKey {
  return { namespace: metadata.namespace ?? "", name: metadata.name };
}

/** `namespace/name`, or the name alone for cluster-scoped objects. */
export function formatKey({ namespace, name }: ObjectKey): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}

/**
 * The URL path of a collection or of one object.
 *
 * @param key Without it the collection across all namespaces, with an empty name the collection of its namespace.
 */
export function resourcePath(resource: Resource<PartialObject>, key?: ObjectKey): string {
  const root = resource.apiVersion.includes("/")
    ? `/apis/${resource.apiVersion}`
    : `/api/${resource.apiVersion}`;
  const scope = resource.namespaced && key ? `/namespaces/${encodeURIComponent(key.namespace)}` : "";
  const name = key && key.name !== "" ? `/${encodeURIComponent(key.name)}` : "";
  return `${root}${scope}/${resource.plural}${name}`;
}

function resource<T extends PartialObject>(
  apiVersion: string,
  kind: string,
  plural: string,
  namespaced: boolean,
): Resource<T> {
  return { apiVersion, kind, plural, namespaced };
}
