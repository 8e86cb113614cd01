/**
 * The message of an insights ConfigMap, or the reason why it must never be sent: the insights-handler would drop it, or
 * stop for every project (docs/protocol.md, "Poison messages").
 *
 * @module
 */
import { TerminalError } from "../errors.ts";
import { ANNOTATIONS, type EnvironmentNames, LABELS, type Labels } from "../lagoon.ts";
import { isBranchOf } from "./environment_name.ts";

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
  /** The handler drops a message with anything else. */
  readonly payload: null;
  /** Gzipped documents in base64. */
  readonly binaryPayload: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Project and environment are the namespace's: the handler writes to those that it finds here. */
  readonly labels: Readonly<Record<string, string>>;
  readonly namespace: string;
  /** The environment's name, from the namespace. */
  readonly environment: string;
  readonly service: string;
  /** The project's name, from the namespace. */
  readonly project: string;
  readonly type: "sbom" | "inspect";
}

/** Something about a sent ConfigMap that its site's developer should know. */
export interface ConfigMapWarning {
  /** In kebab-case, for metrics. */
  readonly code: string;
  readonly message: string;
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
 * Makes the message of a ConfigMap. Whoever wrote the ConfigMap can speak for no other namespace's environment.
 *
 * @param options.environment The environment of the ConfigMap's namespace, from the namespace's labels.
 * @returns The message, and a warning for each thing that differs from the ConfigMap and that its author may not expect.
 * @throws {RefusedError} Codes `insights-type-poisonous`, `insights-type-unknown`, `insights-service-missing` and
 * `insights-payload-empty`.
 */
export async function configMapMessage(
  { configMap, environment }: { configMap: InsightsConfigMap; environment: EnvironmentNames },
): Promise<{ readonly message: ConfigMapMessage; readonly warnings: readonly ConfigMapWarning[] }> {
  const { metadata } = configMap;
  const { projectName: project, environmentName } = environment;
  const type = messageType(metadata.labels);
  const service = serviceName(metadata.labels);
  const warnings: ConfigMapWarning[] = [];
  const labels = messageLabels(metadata.labels, environment, warnings);
  const annotations = messageAnnotations(metadata, environment, warnings);
  const binaryPayload = await documents(configMap, warnings);
  const { namespace } = metadata;
  const message = {
    payload: null,
    binaryPayload,
    annotations,
    labels,
    namespace,
    environment: environmentName,
    service,
    project,
    type,
  };
  return { message, warnings };
}

function messageLabels(
  labels: Labels = {},
  { projectName, environmentName }: EnvironmentNames,
  warnings: ConfigMapWarning[],
): Labels {
  // A ConfigMap that is sent is no longer deferred.
  const { [LABELS.deferred]: _deferred, ...others } = labels;
  const own = { [LABELS.project]: projectName, [LABELS.environment]: environmentName };
  for (const [name, value] of Object.entries(own)) {
    if ((labels[name] ?? value) === value) continue;
    warnings.push({
      code: "label-replaced",
      message:
        `The label ${name} was sent as "${value}", which is the namespace's: set it to that, or remove it.`,
    });
  }
  return { ...others, ...own };
}

/** The handler takes the branch for the environment, except in the build of a pull request. */
function messageAnnotations(
  { labels = {}, annotations = {} }: InsightsConfigMap["metadata"],
  environment: EnvironmentNames,
  warnings: ConfigMapWarning[],
): InsightsConfigMap["metadata"]["annotations"] & object {
  const { [ANNOTATIONS.branch]: branch, ...others } = annotations;
  if (branch === undefined || isBranchOf(branch, environment)) return annotations;
  if (labels[LABELS.buildType] !== "pullrequest") {
    warnings.push({
      code: "branch-left-out",
      message:
        `The annotation ${ANNOTATIONS.branch} was not sent, because it does not lead to the namespace's ` +
        `environment "${environment.environmentName}": set it to the branch of this environment, or remove it.`,
    });
  }
  return others;
}

async function documents(
  { data, binaryData }: InsightsConfigMap,
  warnings: ConfigMapWarning[],
): Promise<Readonly<Record<string, string>>> {
  const texts = Object.entries(data ?? {});
  if (binaryData && Object.keys(binaryData).length > 0) {
    if (texts.length > 0) {
      warnings.push({
        code: "data-left-out",
        message: "What is under data was not sent, because there are documents under binaryData, too: " +
          "put one document into each ConfigMap.",
      });
    }
    return binaryData;
  }
  if (texts.length === 0) {
    throw new RefusedError(
      "insights-payload-empty",
      "Cannot send this ConfigMap as it has no data: put the insights under data or binaryData, " +
        "or delete the ConfigMap",
    );
  }
  const packed: Record<string, string> = {};
  for (const [key, text] of texts) packed[key] = await gzip(text);
  return packed;
}

/** Gzipped, in base64. */
async function gzip(text: string): Promise<string> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer()).toBase64();
}

function messageType(labels: Labels = {}): "sbom" | "inspect" {
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

function serviceName(labels: Labels = {}): string {
  const service = labels[LABELS.service];
  if (service) return service;
  throw new RefusedError(
    "insights-service-missing",
    `Cannot send this ConfigMap as it does not name its service: set the label ${LABELS.service}`,
  );
}
