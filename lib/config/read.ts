/**
 * Arguments and environment → validated values of all options. Flags are taken as Go's `flag` package takes them;
 * an environment variable wins over its flag, and an empty one counts as not set.
 *
 * @module
 */
import { ConfigError } from "./errors.ts";
import type { Option } from "./option.ts";
import { OPTIONS, type Values } from "./options.ts";

/** Reads an environment variable; undefined when it is not set. */
export type ReadVariable = (name: string) => string | undefined;

const BY_FLAG: ReadonlyMap<string, Option<unknown>> = new Map(
  Object.values(OPTIONS).map((option) => [option.flag, option]),
);

/**
 * Reads all options.
 *
 * @throws {ConfigError} Naming everything that is wrong, by flag or variable; secrets' values are never told.
 */
export function readValues(args: readonly string[], readVariable: ReadVariable): Values {
  const problems: string[] = [];
  const flags = readFlags(args, problems);
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(OPTIONS)) {
    const variable = readVariable(option.env) || undefined;
    const flag = flags.get(option.flag);
    const source = variable !== undefined ? option.env : `--${option.flag}`;
    try {
      values[name] = option.kind.parse(variable ?? flag ?? option.defaultText);
    } catch (error) {
      problems.push(`${source}: ${describe(error, option, variable ?? flag ?? "")}`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return values as Values;
}

function describe(error: unknown, option: Option<unknown>, value: string): string {
  const expected = error instanceof Error ? error.message : String(error);
  return option.secret ? expected : `${expected}, not ${JSON.stringify(value)}`;
}

function readFlags(args: readonly string[], problems: string[]): Map<string, string> {
  const flags = new Map<string, string>();
  const rest = [...args];
  const position = () => args.length - rest.length;
  for (let arg = rest.shift(); arg !== undefined && arg !== "--"; arg = rest.shift()) {
    const [, name, value] = /^--?([^-=][^=]*)(?:=([^]*))?$/.exec(arg) ?? [];
    const option = name === undefined ? undefined : BY_FLAG.get(name);
    if (!option) {
      // Not shown, since it may be a part of a password that was not quoted.
      if (name === undefined) problems.push(`argument ${position()}: expected a flag`);
      else problems.push(`--${name}: there is no such flag; see --help`);
      continue;
    }
    const isBoolean = option.kind.placeholder === "";
    const text = value ?? (isBoolean ? "true" : rest.shift());
    if (text === undefined) {
      problems.push(`--${option.flag}: expected a value`);
      continue;
    }
    const earlier = flags.get(option.flag);
    flags.set(option.flag, option.repeatable && earlier !== undefined ? `${earlier},${text}` : text);
  }
  if (rest.length > 0) problems.push(`argument ${position() + 1}: expected no arguments besides flags`);
  return flags;
}
