/**
 * One option, and how to write one down.
 *
 * @module
 */
import type { ValueKind } from "./values.ts";

/** One option. */
export interface Option<T> {
  /** Without dashes. */
  readonly flag: string;
  /** Environment variable; wins over the flag. */
  readonly env: string;
  /** How values are read. */
  readonly kind: ValueKind<T>;
  /** As it would be written; empty for none. */
  readonly defaultText: string;
  /** What it does. */
  readonly help: string;
  /** Its value is never shown. */
  readonly secret: boolean;
}

/** What few options have. */
export interface Extras {
  /** Another environment variable than the flag's name. */
  readonly env?: string;
  /** As in {@link Option}. */
  readonly secret?: true;
}

/** Makes a row of the table. The variable is named as the flag unless `extras` says otherwise. */
export function option<T>(
  flag: string,
  kind: ValueKind<T>,
  defaultText: string,
  help: string,
  extras: Extras = {},
): Option<T> {
  const env = extras.env ?? flag.replaceAll("-", "_").toUpperCase();
  return {
    flag,
    env,
    kind,
    defaultText,
    help,
    secret: extras.secret ?? false,
  };
}

/** The kind of an option that may be absent. */
export function optional<T>(kind: ValueKind<T>): ValueKind<T | undefined> {
  return { ...kind, parse: (value) => value === "" ? undefined : kind.parse(value) };
}
