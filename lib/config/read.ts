/**
 * Reads the values of all options from arguments and environment. Flags have the syntax of Go's `flag` package. A variable
 * wins over its flag; an empty variable counts as not set.
 *
 * @module
 */
import { AppError, describeError } from "../errors.ts";
import { ALL_OPTIONS, OPTIONS, type Values } from "./options.ts";
import type { Option } from "./values.ts";

/** Reads an environment variable; undefined if it is not set. */
export type ReadVariable = (name: string) => string | undefined;

/** The configuration cannot be used. The message is one line that lists every problem, by variable or flag. */
export class ConfigError extends AppError {
  override name = "ConfigError";

  /** Creates the error from all problems. */
  constructor(problems: readonly string[]) {
    super("configuration", problems.join("; "));
  }
}

/** What arguments and environment say. */
export interface Reading {
  readonly values: Values;
  /** For the log: the options that differ from their defaults, as they were written, without secrets. */
  readonly description: Readonly<Record<string, string>>;
}

/**
 * Reads all options.
 *
 * @throws {ConfigError} Lists every problem by variable or flag, without values.
 */
export function readValues(args: readonly string[], readVariable: ReadVariable): Reading {
  const problems: string[] = [];
  const flags = readFlags(args, problems);
  const description: Record<string, string> = {};

  function read({ flag, env, kind, defaultText }: Option<unknown>): unknown {
    const variable = readVariable(env) || undefined;
    const given = variable === undefined ? flags.get(flag) ?? [] : [variable];
    const text = given.at(-1) ?? defaultText;
    try {
      const isFlag = variable === undefined && given.length > 0;
      const value = isFlag && kind.parseEach ? kind.parseEach(given) : kind.parse(text);
      if (JSON.stringify(value) !== JSON.stringify(kind.parse(defaultText))) {
        description[env] = kind.isSecret ? "(secret)" : text;
      }
      return value;
    } catch (error) {
      problems.push(`${variable === undefined ? `--${flag}` : env}: ${describeError(error)}`);
    }
  }

  const sections = Object.entries(OPTIONS).map(([section, options]) => [
    section,
    Object.fromEntries(Object.entries(options).map(([name, option]) => [name, read(option)])),
  ]);
  if (problems.length > 0) throw new ConfigError(problems);
  return { values: Object.fromEntries(sections) as Values, description };
}

/** The values of each flag that is given. */
function readFlags(args: readonly string[], problems: string[]): Map<string, string[]> {
  const flags = new Map<string, string[]>();
  const rest = [...args];
  const position = () => args.length - rest.length;
  for (let arg = rest.shift(); arg !== undefined && arg !== "--"; arg = rest.shift()) {
    const [, name = "", value] = /^--?([^-=][^=]*)(?:=([^]*))?$/.exec(arg) ?? [];
    const option = ALL_OPTIONS.find(({ flag }) => flag === name);
    if (!option) {
      // Anything but a name is not shown: it may be part of an unquoted password.
      const isName = /^[\w-]+$/.test(name);
      problems.push(
        isName ? `--${name}: unknown flag; see --help` : `argument ${position()}: expected a flag`,
      );
      continue;
    }
    const isBoolean = option.kind.placeholder === "";
    const text = value ?? (isBoolean ? "true" : rest.shift());
    if (text === undefined) problems.push(`--${name}: expected a value`);
    else flags.set(name, [...flags.get(name) ?? [], text]);
  }
  if (rest.length > 0) problems.push(`argument ${position() + 1}: expected no arguments besides flags`);
  return flags;
}
