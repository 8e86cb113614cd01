/**
 * Facts, problems and deletions of one environment → messages. The environment is always the given one: nothing in an
 * item can name another.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Environment } from "../lagoon.ts";
import type { DeletionMessage, Fact, FactEntry, ListHeader, Problem, ProblemEntry } from "./messages.ts";

/** Error code of an environment id that is not a number that core can know. */
export const ENVIRONMENT_ID_CODE = "environment-id";

/**
 * What the message of a list says of the environment.
 *
 * @throws {AppError} Code `environment-id`, when the environment's id is not a number.
 */
export function listHeader(environment: Environment): ListHeader {
  const { projectName, environmentName } = environment;
  return { environment: environmentNumber(environment), projectName, environmentName };
}

/** A fact as the handler decodes it. */
export function factEntry({ environment, projectName, environmentName }: ListHeader, fact: Fact): FactEntry {
  return {
    environment: String(environment),
    projectName,
    environmentName,
    name: fact.name,
    value: fact.value,
    source: fact.source,
    description: fact.description,
    type: fact.type,
    category: fact.category,
    service: fact.service,
  };
}

/** A problem as the handler decodes it. */
export function problemEntry(environment: number, problem: Problem): ProblemEntry {
  return {
    environment,
    identifier: problem.identifier,
    ...(problem.version && { version: problem.version }),
    ...(problem.fixedVersion && { fixedVersion: problem.fixedVersion }),
    ...(problem.source && { source: problem.source }),
    ...(problem.service && { service: problem.service }),
    data: problem.data,
    ...(problem.severity && { severity: problem.severity }),
    ...(problem.severityScore && { severityScore: problem.severityScore }),
    ...(problem.associatedPackage && { associatedPackage: problem.associatedPackage }),
    ...(problem.description && { description: problem.description }),
    ...(problem.links && { links: problem.links }),
  };
}

/**
 * The message that removes a source's facts; core ignores the service.
 *
 * @throws {AppError} Code `environment-id`, when the environment's id is not a number.
 */
export function deleteFactsMessage(environment: Environment, source: string, service = ""): DeletionMessage {
  return { type: "direct.delete.facts", environment: environmentNumber(environment), source, service };
}

/**
 * The message that removes a source's problems of one service; without service, only those that have none.
 *
 * @throws {AppError} Code `environment-id`, when the environment's id is not a number.
 */
export function deleteProblemsMessage(
  environment: Environment,
  source: string,
  service = "",
): DeletionMessage {
  return { type: "direct.delete.problems", environment: environmentNumber(environment), source, service };
}

/** The handler decodes the id as an integer, so anything that JSON would write otherwise is refused here. */
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
