/**
 * The name of an environment, as Lagoon makes it from the name of a branch.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { EnvironmentNames } from "../lagoon.ts";

/** Longest that project, environment and the characters around them may be in a namespace's name. */
const MAX_NAME_CHARACTERS = 58;
const HASH_CHARACTERS = 4;

/** Whether Lagoon core resolves a branch of the environment's project to this very environment. */
export function isBranchOf(
  branch: string,
  { projectName, environmentName }: EnvironmentNames,
): boolean {
  const safe = makeSafe(branch);
  return safe === environmentName || shorten(safe, projectName) === environmentName;
}

/** Lower case, and `-` for everything but letters, digits and `-`. */
function makeSafe(branch: string): string {
  // Go's only lower case of U+0130 is "i"; JavaScript's is two characters.
  return branch.replaceAll("\u0130", "i").toLowerCase().replaceAll(/[^0-9a-z-]/gu, "-");
}

function shorten(safe: string, projectName: string): string {
  const room = MAX_NAME_CHARACTERS - projectName.length;
  if (safe.length <= room) return safe;
  const hash = createHash("sha1").update(safe).digest("hex").slice(0, HASH_CHARACTERS);
  return `${safe.slice(0, Math.max(0, room - HASH_CHARACTERS - 1))}-${hash}`;
}
