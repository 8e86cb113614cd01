/**
 * The documents of insights ConfigMaps, in a form that Lagoon core's insights-handler survives. Some forms that scanners write, or
 * wrote for years, end its process, and end it again when RabbitMQ delivers the message again. They are repaired on the way: a document
 * is read once as a stream, and only one that needs a repair is packed again (docs/protocol.md, "Poison messages").
 *
 * Every document is read to its end: of two members with the same name the handler takes the last.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { JsonPatcher } from "../json/patcher.ts";
import type { ObjectRule, ValueRule } from "../json/patch_rules.ts";
import { RefusedError } from "./errors.ts";
import { freePiece, gunzip, gzip, isGzip } from "./gzip.ts";

/** Most bytes that a document may unpack to; the largest of real SBOMs that fit a ConfigMap have about 30 MB. */
export const MAX_UNPACKED_BYTES = 64 * 1024 * 1024;

/**
 * Most repairs, and members of objects that may need one. Each takes time; a real document has a few for each tool or variable.
 */
const MAX_EFFORT = 100_000;

/** A document, as it is sent. */
export interface SendableDocument {
  /** Gzipped, except if it was neither gzip nor JSON. */
  readonly bytes: Buffer;
  /** Codes of the repairs. */
  readonly repairs: readonly string[];
  /** Why Lagoon core can't read it, although it does no harm there. */
  readonly unreadable?: string;
}

/**
 * Reads a document, and repairs what would end the handler.
 *
 * @param options.insightsType The label `lagoon.sh/insightsType`, by which the handler decides how to read it.
 * @param options.service Names the component of an SBOM that names none.
 * @throws {RefusedError} Codes `insights-document-damaged` and `insights-document-too-large`: nobody can tell what the handler would
 * make of the rest; and `insights-document-too-complex`.
 */
export async function sendableDocument(
  document: Buffer,
  { insightsType, service }: { readonly insightsType: string | undefined; readonly service: string },
): Promise<SendableDocument> {
  const rule = handlerRule(insightsType, service);
  const isPacked = isGzip(document);
  // The handler stores a document of any other type, and reads nothing in it.
  if (!rule && isPacked) return { bytes: document, repairs: [] };
  let patcher = new JsonPatcher(rule ?? {});
  for await (const piece of unpack(document)) {
    push(patcher, piece);
    freePiece(piece);
    if (patcher.state === "complete" || patcher.patches.size > 0) break;
  }
  if (patcher.patches.size > 0) {
    patcher = new JsonPatcher(rule ?? {});
    const bytes = await gzip(patch(document, patcher));
    if (patcher.state === "complete") return { bytes, repairs: [...patcher.patches] };
  }
  if (patcher.state !== "complete") {
    return { bytes: document, repairs: [], unreadable: reasonOf(patcher.state, isPacked) };
  }
  return { bytes: isPacked ? document : await gzip(unpack(document)), repairs: [] };
}

function reasonOf(state: JsonPatcher["state"], isPacked: boolean): string {
  if (state !== "broken") return "it is cut off";
  return isPacked ? "it is not a JSON object" : "it is neither gzip nor a JSON object";
}

async function* patch(document: Buffer, patcher: JsonPatcher): AsyncGenerator<Uint8Array> {
  for await (const piece of unpack(document)) {
    yield push(patcher, piece);
    freePiece(piece);
  }
}

async function* unpack(document: Buffer): AsyncGenerator<Uint8Array> {
  let length = 0;
  try {
    for await (
      const piece of isGzip(document) ? gunzip(document, { allowCut: true }) : [new Uint8Array(document)]
    ) {
      length += piece.length;
      if (length > MAX_UNPACKED_BYTES) throw tooLarge();
      yield piece;
    }
  } catch (cause) {
    if (cause instanceof RefusedError) throw cause;
    throw new RefusedError(
      "insights-document-damaged",
      "Cannot send this ConfigMap as the gzip of its document is damaged: build it again",
      { cause },
    );
  }
}

function push(patcher: JsonPatcher, piece: Uint8Array): Uint8Array {
  const patched = patcher.push(piece);
  if (patcher.effort <= MAX_EFFORT) return patched;
  throw new RefusedError(
    "insights-document-too-complex",
    "Cannot send this ConfigMap as its document has too much that would have to be repaired for Lagoon core: build it again",
  );
}

function tooLarge(): RefusedError {
  return new RefusedError(
    "insights-document-too-large",
    `Cannot send this ConfigMap as its document unpacks to more than ${MAX_UNPACKED_BYTES} bytes`,
  );
}

/** What the handler needs of a document; it reads these names in any case. */
function handlerRule(insightsType: string | undefined, service: string): ObjectRule | undefined {
  if (insightsType === "image-gz") return IMAGE_INSPECTION;
  return insightsType === "sbom-gz" ? sbom(service) : undefined;
}

/** It splits each variable at `=`, and takes the second part. */
const IMAGE_INSPECTION: ObjectRule = {
  members: {
    env: { code: "env", array: { elements: { code: "env", ifNull: '"="', character: "=" } } },
  },
};

/** It logs the names of the component and of the first tool. */
function sbom(service: string): ObjectRule {
  const fields = `"type":"container","name":${JSON.stringify(service)}`;
  const component = `{${fields}}`;
  const required = { tools: TOOLS, component };
  const metadata = `{"tools":${TOOLS},"component":${component}}`;
  const members = {
    tools: TOOLS_RULE,
    component: { code: "component", ifNull: component, object: { ifEmpty: fields } },
  };
  return {
    members: { metadata: { code: "metadata", ifNull: metadata, object: { members, required } } },
    required: { metadata },
  };
}

const TOOL = '{"type":"application","name":"insights-remote"}';
const TOOLS = `{"components":[${TOOL}]}`;

/** The list of CycloneDX 1.4 becomes the object of 1.5, which is all that the handler reads. */
const TOOLS_RULE: ValueRule = {
  code: "tools",
  ifNull: TOOLS,
  object: {
    members: { components: { code: "tools", ifNull: `[${TOOL}]`, array: { ifEmpty: TOOL } } },
    required: { components: `[${TOOL}]` },
  },
  array: {
    wrap: ['{"components":', "}"],
    ifEmpty: TOOL,
    elements: {
      code: "tools",
      object: { renamed: { vendor: "publisher" }, required: { type: '"application"' } },
    },
  },
};
