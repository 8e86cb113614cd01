/**
 * What the program was asked to do.
 *
 * @module
 */
import { buildConfig, type Config, describeValues } from "./config.ts";
import { ConfigError } from "./errors.ts";
import { OPTIONS, type Values } from "./options.ts";
import { readValues, type ReadVariable } from "./read.ts";
import { secretProblems, signingSecret } from "./secrets.ts";
import type { Environment } from "../lagoon.ts";

/** One run of the program. */
export type Command =
  /** `description` tells of the options that differ from their defaults, without secrets. */
  | { readonly kind: "serve"; readonly config: Config; readonly description: Record<string, unknown> }
  /** Prints what the service would be permitted. */
  | { readonly kind: "permissions"; readonly config: Config }
  | { readonly kind: "generate-token"; readonly secret: string; readonly environment: Environment }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

/**
 * Reads arguments and environment.
 *
 * @throws {ConfigError} Naming everything that is wrong with them.
 */
export function parseCommand(args: readonly string[], readVariable: ReadVariable): Command {
  if (args.some((arg) => /^(--?help|-h)$/.test(arg))) return { kind: "help" };
  if (args.some((arg) => /^--?version$/.test(arg))) return { kind: "version" };
  const isPermissions = args[0] === "permissions";
  const values = readValues(isPermissions ? args.slice(1) : args, readVariable);
  if (isPermissions) return { kind: "permissions", config: buildConfig(values, readVariable) };
  if (values.generateToken) return generateToken(values);
  return { kind: "serve", config: buildConfig(values, readVariable), description: describeValues(values) };
}

function generateToken(values: Values): Command {
  const problems = secretProblems(values);
  const { generateNamespace, generateEnvironmentId } = OPTIONS;
  if (values.generateNamespace === "") problems.push(`--${generateNamespace.flag}: expected a namespace`);
  if (values.generateEnvironmentId === undefined) {
    problems.push(`--${generateEnvironmentId.flag}: expected a number`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    kind: "generate-token",
    secret: signingSecret(values),
    environment: {
      namespace: values.generateNamespace,
      environmentId: String(values.generateEnvironmentId),
      projectName: values.generateProject,
      environmentName: values.generateEnvironment,
    },
  };
}
