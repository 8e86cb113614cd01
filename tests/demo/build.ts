/**
 * The ConfigMaps that a Lagoon build creates: an image inspection and an SBOM, written in the same steps as build-deploy-tool
 * writes them (docs/protocol.md, "ConfigMaps").
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { gunzipSync, gzipSync } from "node:zlib";
import { sendableDocument } from "../../lib/insights/documents.ts";
import type { TestCluster } from "../fixtures/cluster.ts";
import type { Message } from "./inbox.ts";

export const NAMESPACE = "high-cotton-main";
export const ENVIRONMENT = { project: "high-cotton", environment: "main", environmentId: "42" } as const;
export const SERVICE = "nginx";

/** One of the two ConfigMaps that a build creates for an image. */
export interface Artifact {
  readonly configMap: string;
  readonly file: string;
  readonly type: "inspect" | "sbom";
  readonly oldType: "image-gz" | "sbom-gz";
  readonly content: Uint8Array;
}

/** Labels that make the namespace a Lagoon environment. */
export const NAMESPACE_LABELS: Readonly<Record<string, string>> = {
  "lagoon.sh/project": ENVIRONMENT.project,
  "lagoon.sh/environment": ENVIRONMENT.environment,
  "lagoon.sh/environmentId": ENVIRONMENT.environmentId,
  "lagoon.sh/environmentType": "production",
};

export function inspectArtifact(): Artifact {
  const inspection = {
    Name: `registry.example/${ENVIRONMENT.project}/${ENVIRONMENT.environment}/${SERVICE}`,
    Architecture: "amd64",
    Os: "linux",
    Env: ["LAGOON=nginx", "NGINX_VERSION=1.29.3"],
    Labels: { "org.opencontainers.image.title": SERVICE },
  };
  return {
    configMap: `lagoon-insights-image-${SERVICE}`,
    file: `${SERVICE}.image-inspect.json.gz`,
    type: "inspect",
    oldType: "image-gz",
    content: new Uint8Array(gzipSync(JSON.stringify(inspection))),
  };
}

/**
 * Reads an SBOM in CycloneDX JSON, gzipped or not.
 *
 * @throws {Error} If the file is not a CycloneDX document.
 */
export async function sbomArtifact(path: string | URL): Promise<Artifact & { components: number }> {
  const bytes = await Deno.readFile(path);
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const document = JSON.parse(new TextDecoder().decode(isGzip ? gunzipSync(bytes) : bytes));
  if (document.bomFormat !== "CycloneDX") throw new Error(`${path} is not a CycloneDX document`);
  return {
    configMap: `lagoon-insights-sbom-${SERVICE}`,
    file: `${SERVICE}.cyclonedx.json.gz`,
    type: "sbom",
    oldType: "sbom-gz",
    content: isGzip ? bytes : new Uint8Array(gzipSync(bytes)),
    components: document.components?.length ?? 0,
  };
}

/** Creates and annotates the ConfigMap, then labels it: the program ignores it until then. */
export async function writeArtifact(cluster: TestCluster, artifact: Artifact): Promise<void> {
  const name = artifact.configMap;
  const binaryData = { [artifact.file]: Buffer.from(artifact.content).toString("base64") };
  await cluster.create("configmaps", NAMESPACE, { metadata: { name }, binaryData });
  await cluster.mark("configmaps", NAMESPACE, name, { annotations: { ...ANNOTATIONS } });
  await cluster.mark("configmaps", NAMESPACE, name, { labels: labelsOf(artifact) });
}

/** The expected message, according to docs/protocol.md. Old SBOMs are repaired. */
export async function expectedMessage(artifact: Artifact): Promise<Message> {
  const options = { insightsType: artifact.oldType, service: SERVICE };
  const { bytes } = await sendableDocument(Buffer.from(artifact.content), options);
  return {
    payload: null,
    binaryPayload: { [artifact.file]: bytes.toString("base64") },
    annotations: ANNOTATIONS,
    labels: labelsOf(artifact),
    namespace: NAMESPACE,
    environment: ENVIRONMENT.environment,
    service: SERVICE,
    project: ENVIRONMENT.project,
    type: artifact.type,
  };
}

const ANNOTATIONS = { "lagoon.sh/branch": "main", "core.insights.lagoon.sh/enabled": "true" };

function labelsOf(artifact: Artifact): Record<string, string> {
  return {
    "lagoon.sh/insightsType": artifact.oldType,
    "insights.lagoon.sh/type": artifact.type,
    "lagoon.sh/buildName": "lagoon-build-7dm42",
    "lagoon.sh/project": ENVIRONMENT.project,
    "lagoon.sh/environment": ENVIRONMENT.environment,
    "lagoon.sh/service": SERVICE,
    "lagoon.sh/environmentType": "production",
    "lagoon.sh/buildType": "branch",
  };
}
