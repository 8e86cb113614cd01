/**
 * The message of an insights ConfigMap, or the reason why it must never be sent: the insights-handler would drop it, or
 * stop for every project (docs/protocol.md, "Poison messages").
 *
 * @module
 */
import { TerminalError } from "../errors.ts";
import { type Environment, LABELS, type Labels } from "../lagoon.ts";

/** The parts of a ConfigMap that its message needs. */
export interface InsightsConfigMap {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Labels;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  /** In base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** An SBOM or an image's metadata, from a ConfigMap. */
export interface ConfigMapMessage {
  /** Never `{}`: the handler drops such a message. */
  readonly payload: Readonly<Record<string, string>> | null;
  /** In base64, as Kubernetes returns it. */
  readonly binaryPayload: Readonly<Record<string, string>> | null;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly namespace: string;
  /** The environment's name, from the namespace. */
  readonly environment: string;
  readonly service: string;
  /** The project's name, from the namespace. */
  readonly project: string;
  readonly type: "sbom" | "inspect";
}

/** A ConfigMap must not be sent until someone changes it; the message tells a site's developer how. */
export class RefusedError extends TerminalError {
  override name = "RefusedError";
}

/** Values of the label `lagoon.sh/insightsType` that stop the handler. */
const POISONOUS_TYPES: readonly string[] = ["sbom", "image", "direct"];

const TYPE_BY_OLD_SPELLING: ReadonlyMap<string, string> = new Map([
  ["sbom-gz", "sbom"],
  ["image-gz", "inspect"],
]);

/**
 * Makes the message of a ConfigMap.
 *
 * @param options.environment The environment of the ConfigMap's namespace, from the namespace's labels.
 * @throws {RefusedError} Codes `insights-type-poisonous`, `insights-type-unknown`, `insights-service-missing` and
 * `insights-payload-empty`.
 */
export function configMapMessage(
  { configMap, environment }: {
    configMap: InsightsConfigMap;
    environment: Pick<Environment, "projectName" | "environmentName">;
  },
): ConfigMapMessage {
  const { namespace, annotations = {} } = configMap.metadata;
  // A ConfigMap that is sent is no longer deferred.
  const { [LABELS.deferred]: _deferred, ...labels } = configMap.metadata.labels ?? {};
  const type = messageType(labels);
  const service = serviceName(labels);
  const payload = nullIfEmpty(configMap.data);
  const binaryPayload = nullIfEmpty(configMap.binaryData);
  if (payload === null && binaryPayload === null) {
    throw new RefusedError(
      "insights-payload-empty",
      "Cannot send this ConfigMap as it has no data: put the insights under data or binaryData, " +
        "or delete the ConfigMap",
    );
  }
  return {
    payload,
    binaryPayload,
    annotations,
    labels,
    namespace,
    environment: environment.environmentName,
    service,
    project: environment.projectName,
    type,
  };
}

function messageType(labels: Labels): "sbom" | "inspect" {
  const oldSpelling = labels[LABELS.insightsType] ?? "";
  if (POISONOUS_TYPES.includes(oldSpelling)) {
    throw new RefusedError(
      "insights-type-poisonous",
      `Cannot send this ConfigMap as its label ${LABELS.insightsType} must not be "${oldSpelling}": set it to ` +
        `"sbom-gz" (a gzipped CycloneDX document) or "image-gz" (a gzipped image inspection)`,
    );
  }
  const type = labels[LABELS.type] ?? TYPE_BY_OLD_SPELLING.get(oldSpelling);
  if (type === "sbom" || type === "inspect") return type;
  throw new RefusedError(
    "insights-type-unknown",
    `Cannot send this ConfigMap as its type is unknown: set the label ${LABELS.type} to "sbom" or "inspect"`,
  );
}

function serviceName(labels: Labels): string {
  const service = labels[LABELS.service];
  if (service) return service;
  throw new RefusedError(
    "insights-service-missing",
    `Cannot send this ConfigMap as it does not name its service: set the label ${LABELS.service}`,
  );
}

function nullIfEmpty(data: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> | null {
  return Object.keys(data).length > 0 ? data : null;
}
