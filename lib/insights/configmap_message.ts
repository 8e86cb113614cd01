/**
 * The message of an insights ConfigMap, or the reason why it must never be sent: the insights-handler would drop it, or
 * stop for every project (docs/protocol.md, "Poison messages").
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { ANNOTATIONS, type EnvironmentNames, LABELS, type Labels } from "../lagoon.ts";
import { sendableDocument } from "./documents.ts";
import { isBranchOf } from "./environment_name.ts";
import { RefusedError } from "./errors.ts";
import { gzip } from "./gzip.ts";

export { RefusedError };

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

/** Where a message differs from its ConfigMap, or is useless. */
export interface Findings {
  /** Codes of repairs of documents. */
  readonly repairs: string[];
  /** What the site's developer should know, with codes for metrics. */
  readonly warnings: { readonly code: string; readonly message: string }[];
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
 * @throws {RefusedError} Codes `insights-type-poisonous`, `insights-type-unknown`, `insights-service-missing`,
 * `insights-payload-empty`, and those of {@link sendableDocument}.
 */
export async function configMapMessage(
  { configMap, environment }: { configMap: InsightsConfigMap; environment: EnvironmentNames },
): Promise<{ readonly message: ConfigMapMessage; readonly findings: Findings }> {
  const { metadata } = configMap;
  const { projectName: project, environmentName } = environment;
  const type = messageType(metadata.labels);
  const service = serviceName(metadata.labels);
  const findings: Findings = { repairs: [], warnings: [] };
  const labels = messageLabels(metadata.labels, environment, findings);
  const annotations = messageAnnotations(metadata, environment, findings);
  const binaryPayload = await messagePayload(configMap, service, findings);
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
  return { message, findings };
}

function messageLabels(
  labels: Labels = {},
  { projectName, environmentName }: EnvironmentNames,
  { warnings }: Findings,
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
  { warnings }: Findings,
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

async function messagePayload(
  { metadata, data = {}, binaryData = {} }: InsightsConfigMap,
  service: string,
  { repairs, warnings }: Findings,
): Promise<Readonly<Record<string, string>>> {
  const texts = Object.entries(data);
  const binaries = Object.entries(binaryData);
  const isBinary = binaries.length > 0;
  const sources = isBinary ? binaries : texts;
  if (sources.length === 0) {
    throw new RefusedError(
      "insights-payload-empty",
      "Cannot send this ConfigMap as it has no data: put the insights under data or binaryData, " +
        "or delete the ConfigMap",
    );
  }
  if (isBinary && texts.length > 0) warnings.push(DATA_LEFT_OUT);
  if (sources.length > 1) warnings.push(SEVERAL_DOCUMENTS);
  const insightsType = metadata.labels?.[LABELS.insightsType];
  const sent: [key: string, base64: string][] = [];
  for (const [key, source] of sources) {
    const bytes = Buffer.from(source, isBinary ? "base64" : "utf8");
    const document = await sendableDocument(bytes, { insightsType, service });
    repairs.push(...document.repairs);
    if (document.unreadable) warnings.push(unreadable(key, document.unreadable));
    if (document.bytes !== bytes) sent.push([key, document.bytes.toString("base64")]);
    else sent.push([key, isBinary ? source : (await gzip([bytes])).toString("base64")]);
  }
  return Object.fromEntries(sent);
}

const DATA_LEFT_OUT = {
  code: "data-left-out",
  message:
    "What is under data was not sent, because there are documents under binaryData, too: put one document into " +
    "each ConfigMap.",
};

const SEVERAL_DOCUMENTS = {
  code: "several-documents",
  message:
    "Lagoon core reads only one of the documents, whichever it finds first: put one document into each ConfigMap.",
};

function unreadable(key: string, why: string) {
  return {
    code: "unreadable",
    message: `Lagoon core can't read the document "${key}", because ${why}: build it again.`,
  };
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
