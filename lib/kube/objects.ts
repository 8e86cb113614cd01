/**
 * The Kubernetes kinds that the program reads and writes, as they travel in JSON, with the fields that it uses
 * (https://kubernetes.io/docs/reference/generated/kubernetes-api/). Times are RFC 3339 strings.
 *
 * @module
 */

/** Metadata of an object that the API server holds. */
export interface ObjectMeta {
  /** Unique within namespace and kind. */
  readonly name: string;
  /** Missing for what lives in none. */
  readonly namespace?: string;
  /** Differs from that of every other object, also of an earlier one with the same name. */
  readonly uid: string;
  /** Differs after each write. */
  readonly resourceVersion: string;
  /** Missing when there are none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Missing when there are none. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Set once a delete was asked for. */
  readonly deletionTimestamp?: string;
  /** Which fields each writer owns. */
  readonly managedFields?: readonly {
    readonly manager?: string;
    readonly operation?: string;
    readonly fieldsV1?: unknown;
  }[];
}

/** Any object, as far as its metadata goes; what metadata-only requests answer. */
export interface PartialObject {
  /** Name, labels, annotations and version. */
  readonly metadata: ObjectMeta;
}

/** An object that lives in a namespace. */
export interface NamespacedObject {
  /** The same, with the namespace. */
  readonly metadata: ObjectMeta & { readonly namespace: string };
}

/** `v1/Namespace`. */
export type Namespace = PartialObject;

/** `v1/ConfigMap`. */
export interface ConfigMap extends NamespacedObject {
  /** Texts. */
  readonly data?: Readonly<Record<string, string>>;
  /** Bytes, in base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** Most that a ConfigMap's values can take in JSON, in bytes: 1 MiB of data, and a third more for base64. */
export const LARGEST_CONFIG_MAP = 1_400_000;

/** `v1/Secret`. */
export interface Secret extends NamespacedObject {
  /** Such as `Opaque`. */
  readonly type?: string;
  /** Bytes, in base64. */
  readonly data?: Readonly<Record<string, string>>;
  /** Whether the API server refuses to change it. */
  readonly immutable?: boolean;
}

/** An entry of a container's `env`. */
export interface EnvironmentVariable {
  /** Its name, as the container sees it. */
  readonly name: string;
  /** Its value, unless Kubernetes takes it from elsewhere. */
  readonly value?: string;
  /** Where Kubernetes takes the value from; never looked into. */
  readonly valueFrom?: unknown;
}

/** A container of a pod, or of a template for pods. */
export interface Container {
  /** Missing where something else is to fill it in. */
  readonly image?: string;
  /** Missing when there are none. */
  readonly env?: readonly EnvironmentVariable[];
}

/** `v1/Pod`. */
export interface Pod extends NamespacedObject {
  /** What it runs; at least one container. */
  readonly spec: { readonly containers: readonly Container[] };
  /** How far it is: `Succeeded` when all containers have ended well, with the time at which each has. */
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly {
      readonly state?: { readonly terminated?: { readonly finishedAt?: string } };
    }[];
  };
}

/** `apps/v1/Deployment`. */
export interface Deployment extends NamespacedObject {
  /** The pods that it makes. */
  readonly spec: { readonly template: { readonly spec: Pod["spec"] } };
}

/** `v1/Event`; only written. */
export type Event = NamespacedObject;

/** `coordination.k8s.io/v1/Lease`. */
export interface Lease extends NamespacedObject {
  /** Who holds it; the times have exactly six digits after the second. */
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
    readonly strategy?: string;
  };
}

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
  pods: resource<Pod>("v1", "Pod", "pods", true),
  deployments: resource<Deployment>("apps/v1", "Deployment", "deployments", true),
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
