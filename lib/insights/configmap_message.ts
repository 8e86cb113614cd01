/**
 * An insights ConfigMap → its message, or the reason why it must never be sent. What is refused here would be
 * lost at the insights-handler, or stop it for every project.
 *
 * @module
 */
import { TerminalError } from "../errors.ts";
import { type Environment, LABELS } from "../lagoon.ts";
import type { ConfigMapMessage } from "./messages.ts";

/** The parts of a ConfigMap that its message is made of. */
export interface InsightsConfigMap {
  /** Its identity and marks. */
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  /** Text. */
  readonly data?: Readonly<Record<string, string>>;
  /** Base64, as Kubernetes gives it. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** A ConfigMap that must not be sent until someone changes it; the message tells a site's developer what to do. */
export class RefusedError extends TerminalError {
  /** For logs. */
  override name = "RefusedError";
}

/** Values of the label `lagoon.sh/insightsType` at which the handler stops consuming. */
const POISONOUS_TYPES: readonly string[] = ["sbom", "image", "direct"];

const TYPE_BY_OLD_SPELLING: Readonly<Record<string, string>> = { "sbom-gz": "sbom", "image-gz": "inspect" };

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
  // A deferred ConfigMap that is sent counts as pending again, with or without the label still on it.
  const { [LABELS.deferred]: _deferred, ...labels } = configMap.metadata.labels ?? {};
  const type = messageType(labels);
  const service = serviceName(labels);
  const payload = filled(configMap.data);
  const binaryPayload = filled(configMap.binaryData);
  if (payload === null && binaryPayload === null) {
    throw new RefusedError(
      "insights-payload-empty",
      "Cannot send this ConfigMap as it must hold something: put the insights under data or binaryData, " +
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

function messageType(labels: Readonly<Record<string, string>>): "sbom" | "inspect" {
  const oldSpelling = labels[LABELS.insightsType] ?? "";
  if (POISONOUS_TYPES.includes(oldSpelling)) {
    throw new RefusedError(
      "insights-type-poisonous",
      `Cannot send this ConfigMap as its label ${LABELS.insightsType} must not be "${oldSpelling}": set it to ` +
        `"sbom-gz" (a gzipped CycloneDX document) or "image-gz" (a gzipped image inspection)`,
    );
  }
  const known = Object.hasOwn(TYPE_BY_OLD_SPELLING, oldSpelling)
    ? TYPE_BY_OLD_SPELLING[oldSpelling]
    : undefined;
  const type = labels[LABELS.type] ?? known;
  if (type === "sbom" || type === "inspect") return type;
  throw new RefusedError(
    "insights-type-unknown",
    `Cannot send this ConfigMap as its type must be known: set the label ${LABELS.type} to "sbom" or "inspect"`,
  );
}

function serviceName(labels: Readonly<Record<string, string>>): string {
  const service = labels[LABELS.service];
  if (service) return service;
  throw new RefusedError(
    "insights-service-missing",
    `Cannot send this ConfigMap as it must name its service: set the label ${LABELS.service}`,
  );
}

function filled(data: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> | null {
  return data !== undefined && Object.keys(data).length > 0 ? data : null;
}
