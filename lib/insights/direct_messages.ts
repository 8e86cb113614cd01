/**
 * Facts, problems and deletions of one environment as messages. The environment is always the caller's: no item can
 * name another.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Environment } from "../lagoon.ts";
import { type Fact, FACT_FIELDS, type Problem, PROBLEM_FIELDS } from "./fields.ts";
import type { DeletionMessage, FactEntry, ListHeader, ProblemEntry } from "./messages.ts";

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
