/**
 * The Kubernetes kinds that the program uses, as JSON, with only the fields that it uses
 * (https://kubernetes.io/docs/reference/generated/kubernetes-api/). They are not those of `@kubernetes/client-node`, where every
 * field is optional and times are `Date` objects: as JSON they are RFC 3339 strings.
 *
 * @module
 */
import type { Labels } from "../lagoon.ts";

/** Metadata of an object that the API server holds. */
export interface ObjectMeta {
  readonly name: string;
  /** Missing for cluster-scoped kinds. */
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels?: Labels;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
  readonly managedFields?: readonly {
    readonly manager?: string;
    readonly operation?: string;
    readonly fieldsV1?: unknown;
  }[];
}

/** An object of any kind; metadata-only requests return no more. */
export interface PartialObject {
  readonly metadata: ObjectMeta;
}

/** An object of a namespaced kind. */
export interface NamespacedObject {
  readonly metadata: ObjectMeta & { readonly namespace: string };
}

/** `v1/ConfigMap`. */
export interface ConfigMap extends NamespacedObject {
  readonly data?: Readonly<Record<string, string>>;
  /** In base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** Most bytes that a ConfigMap's values take in JSON: 1 MiB of data, and a third more in base64. */
export const LARGEST_CONFIG_MAP = 1_400_000;

/** `v1/Secret`. */
export interface Secret extends NamespacedObject {
  readonly type?: string;
  /** In base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
}

/** Part of a pod, or of a template for pods. */
export interface PodSpec {
  readonly containers: readonly {
    readonly image?: string;
    readonly env?: readonly EnvironmentVariable[];
  }[];
}

/** An entry of a container's `env`; `valueFrom` is only passed on. */
export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: unknown;
}

/** `v1/Pod`. */
export interface Pod extends NamespacedObject {
  readonly spec: PodSpec;
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly {
      readonly state?: { readonly terminated?: { readonly finishedAt?: string } };
    }[];
  };
}

/** `apps/v1/Deployment`. */
export interface Deployment extends NamespacedObject {
  readonly spec: { readonly template: { readonly spec: PodSpec } };
}

/** `coordination.k8s.io/v1/Lease`. */
export interface Lease extends NamespacedObject {
  /** Its times have exactly six digits after the second. */
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** A kind's place in the API, with the type of its objects. */
export interface Resource<T extends PartialObject = PartialObject> {
  /** Group and version, such as `v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** Name in URLs. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Only carries the type; never set. */
  readonly objectType?: T;
}

/** The resources that the program uses. */
export const RESOURCES = {
  namespaces: resource("v1", "Namespace", "namespaces", false),
  configMaps: resource<ConfigMap>("v1", "ConfigMap", "configmaps", true),
  secrets: resource<Secret>("v1", "Secret", "secrets", true),
  pods: resource<Pod>("v1", "Pod", "pods", true),
  deployments: resource<Deployment>("apps/v1", "Deployment", "deployments", true),
  events: resource<NamespacedObject>("v1", "Event", "events", true),
  leases: resource<Lease>("coordination.k8s.io/v1", "Lease", "leases", true),
  tokenReviews: resource("authentication.k8s.io/v1", "TokenReview", "tokenreviews", false),
  subjectAccessReviews: resource(
    "authorization.k8s.io/v1",
    "SubjectAccessReview",
    "subjectaccessreviews",
    false,
  ),
} as const;

/** Names one object; the namespace of cluster-scoped objects is `""`. */
export interface ObjectKey {
  readonly namespace: string;
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

/** Reads what {@link formatKey} wrote. */
export function parseKey(text: string): ObjectKey {
  const [namespace = "", name] = text.split("/");
  return name === undefined ? { namespace: "", name: text } : { namespace, name };
}

/**
 * The URL path of a collection or of one object.
 *
 * @param key Omit it for the collection across all namespaces; an empty name gives the collection of its namespace.
 */
export function resourcePath(resource: Resource, key?: ObjectKey): string {
  const { apiVersion, plural, namespaced } = resource;
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = namespaced && key ? `/namespaces/${encodeURIComponent(key.namespace)}` : "";
  const name = key && key.name !== "" ? `/${encodeURIComponent(key.name)}` : "";
  return `${root}${scope}/${plural}${name}`;
}

function resource<T extends PartialObject>(
  apiVersion: string,
  kind: string,
  plural: string,
  namespaced: boolean,
): Resource<T> {
  return { apiVersion, kind, plural, namespaced };
}
