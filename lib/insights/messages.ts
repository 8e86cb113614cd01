/**
 * The messages that Lagoon core's insights-handler understands (docs/protocol.md, "Messages"), and their encoding.
 *
 * @module
 */
import { TerminalError } from "../errors.ts";
import type { Fact, Problem } from "./fields.ts";

/** A fact in a message: all fields are strings, and none is left out. */
export interface FactEntry extends Fact {
  /** The environment's id, in digits. */
  readonly environment: string;
  readonly projectName: string;
  readonly environmentName: string;
}

/** A problem in a message: empty optional fields are left out. */
export interface ProblemEntry extends Partial<Problem> {
  /** The environment's id. */
  readonly environment: number;
  readonly identifier: string;
  readonly data: string;
}

/** The environment of a list of facts or problems. The list replaces all items of the sources that it names. */
export interface ListHeader {
  /** The environment's id. */
  readonly environment: number;
  readonly projectName: string;
  readonly environmentName: string;
}

/** Removes what a source has reported. */
export interface DeletionMessage {
  readonly type: "direct.delete.facts" | "direct.delete.problems";
  /** The environment's id. */
  readonly environment: number;
  readonly source: string;
  /** Empty when the request names no service. */
  readonly service: string;
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

/** A message that is encoded as a whole; list_writer.ts writes lists item by item. */
export type InsightsMessage = DeletionMessage | ConfigMapMessage;

/** RabbitMQ 4's default limit; it closes the channel at a larger message. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * Encodes a message for the broker.
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
