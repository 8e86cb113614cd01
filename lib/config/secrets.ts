/**
 * What a secret must be that signs tokens.
 *
 * @module
 */
import { OPTIONS, type Values } from "./options.ts";

/** Fewest bytes of a secret that signs tokens. */
const LEAST_SECRET_BYTES = 16;
/** The Go remote's default, which everybody knows. */
const WELL_KNOWN_SECRET = "testsecret";
/** Long enough and yet nothing: white space alone, or one character all over. */
const EMPTY_SECRET = /^(?:\s+|(.)\1*)$/su;

/** The secret that signs tokens; a local run can do without one of its own. */
export function signingSecret({ tokenSecret, local }: Values): string {
  return tokenSecret === "" && local ? WELL_KNOWN_SECRET : tokenSecret;
}

/** What is wrong with the secrets; never the secrets. */
export function secretProblems({ tokenSecret, previousSecret, local }: Values): string[] {
  if (local) return [];
  const problems: string[] = [];
  if (tokenSecret === "") problems.push(`${OPTIONS.tokenSecret.env}: expected a secret that signs tokens`);
  const secrets = [[OPTIONS.tokenSecret.env, tokenSecret], [
    OPTIONS.previousSecret.env,
    previousSecret,
  ]] as const;
  for (const [env, secret] of secrets) {
    if (secret === "") continue;
    if (secret === WELL_KNOWN_SECRET) {
      problems.push(
        `${env}: expected a secret that is not known to everybody (on your own machine: INSIGHTS_LOCAL=true)`,
      );
    } else if (new TextEncoder().encode(secret).length < LEAST_SECRET_BYTES) {
      problems.push(
        `${env}: expected at least ${LEAST_SECRET_BYTES} bytes (on your own machine: INSIGHTS_LOCAL=true)`,
      );
    } else if (EMPTY_SECRET.test(secret)) {
      problems.push(
        `${env}: expected more than white space or one character (on your own machine: INSIGHTS_LOCAL=true)`,
      );
    }
  }
  return problems;
}
