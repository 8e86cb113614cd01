/**
 * Arguments and environment → validated values of all options. Flags are taken as Go's `flag` package takes them;
 * an environment variable wins over its flag, and an empty one counts as not set.
 *
 * @module
 */
import { describeError } from "../errors.ts";
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
    const given = flags.get(option.flag);
    const source = variable !== undefined ? option.env : `--${option.flag}`;
    try {
      values[name] = variable === undefined && given && option.kind.parseEach
        ? option.kind.parseEach(given)
        : option.kind.parse(variable ?? given?.at(-1) ?? option.defaultText);
    } catch (error) {
      // Without the value, in which somebody may have put a password.
      problems.push(`${source}: ${describeError(error)}`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return values as Values;
}

function readFlags(args: readonly string[], problems: string[]): Map<string, string[]> {
  const flags = new Map<string, string[]>();
  const rest = [...args];
  const position = () => args.length - rest.length;
  for (let arg = rest.shift(); arg !== undefined && arg !== "--"; arg = rest.shift()) {
    const [, name, value] = /^--?([^-=][^=]*)(?:=([^]*))?$/.exec(arg) ?? [];
    const option = name === undefined ? undefined : BY_FLAG.get(name);
    if (!option) {
      // Not shown, since it may be a part of a password that was not quoted.
      const isName = name !== undefined && /^[\w-]+$/.test(name);
      problems.push(
        isName ? `--${name}: there is no such flag; see --help` : `argument ${position()}: expected a flag`,
      );
      continue;
    }
    const isBoolean = option.kind.placeholder === "";
    const text = value ?? (isBoolean ? "true" : rest.shift());
    if (text === undefined) {
      problems.push(`--${option.flag}: expected a value`);
      continue;
    }
    flags.set(option.flag, [...flags.get(option.flag) ?? [], text]);
  }
  if (rest.length > 0) problems.push(`argument ${position() + 1}: expected no arguments besides flags`);
  return flags;
}
