/**
 * What a `JsonPatcher` makes of a document, as data, and how it compares names.
 *
 * @module
 */

/** What a value must be. A value of another type stays as it is. */
export interface ValueRule {
  /** Names this rule in `JsonPatcher.patches`. */
  readonly code: string;
  /** JSON that replaces `null`. */
  readonly ifNull?: string;
  readonly object?: ObjectRule;
  readonly array?: ArrayRule;
  /** An ASCII character that a string must have; it is appended where it is missing. */
  readonly character?: string;
}

/** What an object must have. */
export interface ObjectRule {
  /** By name in lower case. */
  readonly members?: Readonly<Record<string, ValueRule>>;
  /** JSON of members that are added where they are missing. */
  readonly required?: Readonly<Record<string, string>>;
  /** New names, by name in lower case. */
  readonly renamed?: Readonly<Record<string, string>>;
  /** Members, as JSON without braces, of an object that has none. */
  readonly ifEmpty?: string;
}

/** What an array must have. */
export interface ArrayRule {
  readonly elements?: ValueRule;
  /** Elements, as JSON without brackets, of an array that has none. */
  readonly ifEmpty?: string;
  /** Text before and after the array. */
  readonly wrap?: readonly [before: string, after: string];
}

/** An object or array that has a rule, and is open. */
export interface Frame {
  readonly rule: ValueRule;
  readonly isArray: boolean;
  readonly seen: Set<string>;
  isEmpty: boolean;
  expectsName: boolean;
  /** Of the current member, in lower case. */
  name: string;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A name between quotes, as Go compares it; it also takes U+017F for an s and U+212A for a k. */
export function foldName(quoted: Uint8Array): string {
  try {
    return String(JSON.parse(decoder.decode(quoted))).toLowerCase().replaceAll("\u017f", "s");
  } catch {
    return "";
  }
}

/** The rule of the value that comes next. */
export function ruleWithin({ rule, isArray, name }: Frame): ValueRule | undefined {
  return isArray ? rule.array?.elements : own(rule.object?.members, name);
}

/** A member of a record that has it itself. */
export function own<T>(record: Readonly<Record<string, T>> = {}, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
