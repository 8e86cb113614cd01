/**
 * The messages of requests, as Lagoon core's insights-handler decodes them (docs/protocol.md, "Messages"), and the encoding of
 * messages. The environment is always the caller's: no item can name another.
 *
 * @module
 */
import { AppError, TerminalError } from "../errors.ts";
import type { Environment } from "../lagoon.ts";
import type { ConfigMapMessage } from "./configmap_message.ts";
import { type Fact, FACT_FIELDS, type Problem, PROBLEM_FIELDS } from "./fields.ts";

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

/** Error code of an environment id that is not a whole number. */
export const ENVIRONMENT_ID_CODE = "environment-id";

/**
 * The environment of a list.
 *
 * @throws {AppError} Code `environment-id`, when the environment's id is not a whole number.
 */
export function listHeader(environment: Environment): ListHeader {
  const { projectName, environmentName } = environment;
  return { environment: environmentNumber(environment), projectName, environmentName };
}

/** A fact as the handler decodes it. */
export function factEntry({ environment, ...names }: ListHeader, fact: Fact): FactEntry {
  const entry: Record<string, string> = { environment: String(environment), ...names };
  for (const { name } of FACT_FIELDS) entry[name] = fact[name];
  return entry as unknown as FactEntry;
}

/** A problem as the handler decodes it, from one whose `identifier` and `data` are not empty. */
export function problemEntry(environment: number, problem: Problem): ProblemEntry {
  const entry: Record<string, string | number> = { environment };
  for (const { name } of PROBLEM_FIELDS) {
    if (problem[name] !== "") entry[name] = problem[name];
  }
  if (problem.severityScore !== 0) entry.severityScore = problem.severityScore;
  return entry as unknown as ProblemEntry;
}

/**
 * Deletes a source's facts; core ignores the service.
 *
 * @throws {AppError} Code `environment-id`, when the environment's id is not a whole number.
 */
export function deleteFactsMessage(environment: Environment, source: string, service = ""): DeletionMessage {
  return { type: "direct.delete.facts", environment: environmentNumber(environment), source, service };
}

/**
 * Deletes a source's problems of one service; without service, only those that have none.
 *
 * @throws {AppError} Code `environment-id`, when the environment's id is not a whole number.
 */
export function deleteProblemsMessage(
  environment: Environment,
  source: string,
  service = "",
): DeletionMessage {
  return { type: "direct.delete.problems", environment: environmentNumber(environment), source, service };
}

/** The handler decodes the id as an integer, which JSON must not write in any other way. */
function environmentNumber({ environmentId }: Environment): number {
  const id = Number(environmentId);
  if (!/^[0-9]+$/.test(environmentId) || !Number.isSafeInteger(id)) {
    throw new AppError(
      ENVIRONMENT_ID_CODE,
      "Cannot tell the environment as its id must be a whole number in decimal digits",
    );
  }
  return id;
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
