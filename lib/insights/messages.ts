/**
 * The messages that Lagoon core's insights-handler understands, and their bytes. The handler never retries: a
 * message that it can't decode is lost, and some stop it for good, so every message is made by the functions of this
 * folder.
 *
 * @module
 */
import { TerminalError } from "../errors.ts";

/** One fact; a field that the client left out is empty. */
export interface Fact {
  /** What the fact is about; core keeps one fact for each source and name. */
  readonly name: string;
  /** What is the case. */
  readonly value: string;
  /** What found it out; a request replaces all facts of the sources that it names. */
  readonly source: string;
  /** For people. */
  readonly description: string;
  /** How core shows the value, such as `TEXT`. */
  readonly type: string;
  /** The heading under which core shows it. */
  readonly category: string;
  /** The environment's service that it is about. */
  readonly service: string;
}

/** One problem; a field that the client left out is empty, or 0. */
export interface Problem {
  /** What the problem is known as, such as the number of a CVE. */
  readonly identifier: string;
  /** The version that has the problem. */
  readonly version: string;
  /** The version that no longer has it. */
  readonly fixedVersion: string;
  /** What found it; a request replaces all problems of the sources that it names. */
  readonly source: string;
  /** The environment's service that has it. */
  readonly service: string;
  /** Anything more, as a JSON document. */
  readonly data: string;
  /** How bad it is, in one of core's words. */
  readonly severity: string;
  /** How bad it is, as a number; 0 is not sent. */
  readonly severityScore: number;
  /** The package that has it. */
  readonly associatedPackage: string;
  /** For people. */
  readonly description: string;
  /** Where to read more. */
  readonly links: string;
}

/** A fact as the handler decodes it: always with all fields, and all of them strings. */
export interface FactEntry extends Fact {
  /** The environment's id, here in digits. */
  readonly environment: string;
  /** As in the message. */
  readonly projectName: string;
  /** As in the message. */
  readonly environmentName: string;
}

/** A problem as the handler decodes it: empty fields are left out, except these. */
export interface ProblemEntry extends Partial<Problem> {
  /** The environment's id, here a number. */
  readonly environment: number;
  /** As in {@link Problem}. */
  readonly identifier: string;
  /** As in {@link Problem}. */
  readonly data: string;
}

/**
 * What the message of a list of facts or problems says of the environment. The list replaces all items of the sources that
 * it names; an empty one changes nothing.
 */
export interface ListHeader {
  /** The environment's id in Lagoon core. */
  readonly environment: number;
  /** The project's name in Lagoon core. */
  readonly projectName: string;
  /** The environment's name in Lagoon core. */
  readonly environmentName: string;
}

/** Removes what a source has reported. */
export interface DeletionMessage {
  /** What the handler tells messages apart by. */
  readonly type: "direct.delete.facts" | "direct.delete.problems";
  /** The environment's id in Lagoon core. */
  readonly environment: number;
  /** Whose reports are removed. */
  readonly source: string;
  /** Empty when the deletion names no service. */
  readonly service: string;
}

/** A ConfigMap of a build: its software bill of materials, or its image's metadata. */
export interface ConfigMapMessage {
  /** Null when there is none, never `{}`, at which the handler drops the message. */
  readonly payload: Readonly<Record<string, string>> | null;
  /** Base64, as Kubernetes gives it; null when there is none. */
  readonly binaryPayload: Readonly<Record<string, string>> | null;
  /** The ConfigMap's. */
  readonly annotations: Readonly<Record<string, string>>;
  /** The ConfigMap's. */
  readonly labels: Readonly<Record<string, string>>;
  /** The ConfigMap's. */
  readonly namespace: string;
  /** The environment's name, from the namespace. */
  readonly environment: string;
  /** The service whose image it describes, from the ConfigMap. */
  readonly service: string;
  /** The project's name, from the namespace. */
  readonly project: string;
  /** What the payload is: a CycloneDX document, or an image's metadata. */
  readonly type: "sbom" | "inspect";
}

/** What is published in one piece; lists are written item by item (list_writer.ts). */
export type InsightsMessage = DeletionMessage | ConfigMapMessage;

/** Most that a broker takes in one message: RabbitMQ 4's default; more makes it close the channel. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * A message as the bytes that go to the broker.
 *
 * @throws {TerminalError} Code `message-too-large`, above {@link MAX_MESSAGE_BYTES}.
 */
export function encodeMessage(message: InsightsMessage): Uint8Array<ArrayBuffer> {
  const body = new TextEncoder().encode(JSON.stringify(message));
  if (body.length > MAX_MESSAGE_BYTES) {
    throw new TerminalError(
      "message-too-large",
      `Cannot send the message as it must have at most ${MAX_MESSAGE_BYTES} bytes: it has ${body.length}`,
    );
  }
  return body;
}
