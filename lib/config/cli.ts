/**
 * What the command line asks for.
 *
 * @module
 */
import type { Environment } from "../lagoon.ts";
import { buildConfig, type Config, secretProblems, signingSecret } from "./config.ts";
import { OPTIONS, type Values } from "./options.ts";
import { ConfigError, type Reading, readValues, type ReadVariable } from "./read.ts";

/** One run of the program. */
export type Command =
  | { readonly kind: "serve"; readonly config: Config; readonly description: Reading["description"] }
  /** Prints what the service would be permitted. */
  | { readonly kind: "permissions"; readonly config: Config }
  | { readonly kind: "generate-token"; readonly secret: string; readonly environment: Environment }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

/**
 * Reads arguments and environment.
 *
 * @throws {ConfigError} Lists every problem.
 */
export function parseCommand(args: readonly string[], readVariable: ReadVariable): Command {
  if (args.some((arg) => /^(--?help|-h)$/.test(arg))) return { kind: "help" };
  if (args.some((arg) => /^--?version$/.test(arg))) return { kind: "version" };
  const isPermissions = args[0] === "permissions";
  const { values, description } = readValues(isPermissions ? args.slice(1) : args, readVariable);
  if (values.generateToken.enabled && !isPermissions) return generateToken(values);
  const config = buildConfig(values, readVariable);
  return isPermissions ? { kind: "permissions", config } : { kind: "serve", config, description };
}

function generateToken(values: Values): Command {
  const { namespace, environmentId, project, environment } = values.generateToken;
  const flags = OPTIONS.generateToken;
  const problems = secretProblems(values);
  if (namespace === "") problems.push(`--${flags.namespace.flag}: expected a namespace`);
  if (environmentId === undefined) problems.push(`--${flags.environmentId.flag}: expected a number`);
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    kind: "generate-token",
    secret: signingSecret(values),
    environment: {
      namespace,
      environmentId: String(environmentId),
      projectName: project,
      environmentName: environment,
    },
  };
}
