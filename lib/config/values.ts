/**
 * The kinds of values that options have: how each is written, read, and explained when it is wrong.
 *
 * @module
 */

/** A kind of value. */
export interface ValueKind<T> {
  /** What stands for a value in the help text; empty for booleans, whose flag may stand alone. */
  readonly placeholder: string;
  /**
   * Reads a value.
   *
   * @throws {RangeError} Saying what was expected, without the value.
   */
  parse(text: string): T;
  /**
   * Reads the values of a flag that may be given several times.
   *
   * @throws {RangeError} As above.
   */
  parseEach?(texts: readonly string[]): T;
}

/** A host and a port. */
export interface HostPort {
  /** Name or address; IPv6 without brackets. Undefined for all addresses. */
  readonly hostname: string | undefined;
  /** TCP port. */
  readonly port: number;
}

const TRUE = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE = ["0", "f", "F", "FALSE", "false", "False"];

/** As Go's strconv.ParseBool takes it. */
export const boolean: ValueKind<boolean> = {
  placeholder: "",
  parse(text) {
    if (TRUE.includes(text)) return true;
    if (FALSE.includes(text)) return false;
    throw new RangeError(`expected true or false (${[...TRUE, ...FALSE].join(" ")})`);
  },
};

/** Any text. */
export const text: ValueKind<string> = { placeholder: "TEXT", parse: (value) => value };

/** The path of a file; it is read later, if it is needed. */
export const file: ValueKind<string> = { placeholder: "FILE", parse: (value) => value };

/** A whole number in a range. */
export function integer(least: number, most: number, placeholder = "N"): ValueKind<number> {
  return {
    placeholder,
    parse(value) {
      const number = Number(value);
      if (/^\d+$/.test(value) && number >= least && number <= most) return number;
      throw new RangeError(`expected a whole number from ${least} to ${most}`);
    },
  };
}

/** A TCP port. */
export const port: ValueKind<number> = integer(1, 65535, "PORT");

/** One of some words. */
export function choice<Word extends string>(...words: readonly Word[]): ValueKind<Word> {
  return {
    placeholder: words.join("|"),
    parse(value) {
      const word = words.find((candidate) => candidate === value);
      if (word !== undefined) return word;
      throw new RangeError(`expected one of ${words.join(", ")}`);
    },
  };
}

/** `host` or `host:port`, with brackets around an IPv6 address that has a port. */
export const hostPort: ValueKind<{ readonly hostname: string; readonly port: number | undefined }> = {
  placeholder: "HOST[:PORT]",
  parse(value) {
    const [, bracketed, plain, digits] =
      /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:/@[\]]+))(?::(\d+))?$/.exec(value) ?? [];
    const hostname = bracketed ?? plain;
    const number = digits === undefined ? undefined : Number(digits);
    if (hostname && (number === undefined || number >= 1 && number <= 65535)) {
      return { hostname, port: number };
    }
    throw new RangeError("expected HOST or HOST:PORT, without a scheme, user or path");
  },
};

/** Hosts, each with or without a port, with commas between them; their names become as `URL` writes them. */
export const hostPorts: ValueKind<
  readonly { readonly hostname: string; readonly port: number | undefined }[]
> = {
  placeholder: "HOST[:PORT],…",
  parse: (value) =>
    value.split(",").map((part) => part.trim()).filter((part) => part !== "").map((part) => {
      const { port } = hostPort.parse(part);
      const hostname = URL.parse(`https://${part}`)?.hostname;
      if (hostname === undefined) throw new RangeError("expected the name or the address of a host");
      return { hostname, port };
    }),
};

/** `:8081` for all addresses, `host:8081` for one, `0` for none. */
export const bindAddress: ValueKind<HostPort | undefined> = {
  placeholder: "[HOST]:PORT",
  parse(value) {
    if (value === "0") return undefined;
    const isEverywhere = value.startsWith(":");
    const expected = new RangeError("expected :PORT, HOST:PORT, or 0 for off");
    try {
      const { hostname, port } = hostPort.parse(isEverywhere ? `all${value}` : value);
      if (port !== undefined) return { hostname: isEverywhere ? undefined : hostname, port };
    } catch {
      throw expected;
    }
    throw expected;
  },
};

/** A label's key, such as `example.com/name`. */
export const labelKey: ValueKind<string> = {
  placeholder: "LABEL",
  parse(value) {
    const name = "[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";
    const prefix = "[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?";
    if (new RegExp(`^(?:${prefix}/)?${name}$`).test(value)) return value;
    throw new RangeError("expected a label's key, such as example.com/name");
  },
};

/** A cron schedule: five fields, or a descriptor such as `@hourly`. */
export const schedule: ValueKind<string> = {
  placeholder: "CRON",
  parse(value) {
    const field = String.raw`[\dA-Za-z*?]+(?:-[\dA-Za-z]+)?(?:/\d+)?`;
    const fields = new RegExp(`^(?:${field}(?:,${field})*)(?:\\s+${field}(?:,${field})*){4}$`);
    const descriptor = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly|every \d\S*)$/;
    if (fields.test(value) || descriptor.test(value)) return value;
    throw new RangeError("expected five fields of a cron schedule, or a descriptor such as @hourly");
  },
};

/** An HTTP address. */
export const url: ValueKind<string> = {
  placeholder: "URL",
  parse(value) {
    const parsed = /^https?:\/\//.test(value) ? URL.parse(value) : null;
    if (parsed && parsed.username === "" && parsed.password === "") return value;
    throw new RangeError("expected a URL that begins with http:// or https://, without a user");
  },
};

const TEMPLATE_VARIABLES = ["ProjectName", "EnvironmentName", "ServiceName", "EnvironmentType", "Version"];

/** A text with `{{ .Name }}` in it. */
export const template: ValueKind<string> = {
  placeholder: "TEMPLATE",
  parse(value) {
    const variable = new RegExp(String.raw`\{\{\s*\.(?:${TEMPLATE_VARIABLES.join("|")})\s*\}\}`, "g");
    if (!/\{\{|\}\}/.test(value.replaceAll(variable, ""))) return value;
    throw new RangeError(
      `expected only variables of ${TEMPLATE_VARIABLES.map((name) => `{{ .${name} }}`).join(" ")}`,
    );
  },
};

/** `NAME=value`: a flag for each, or in one text with commas between them. */
export const assignments: ValueKind<readonly string[]> = {
  placeholder: "NAME=VALUE",
  parse: (text) => parseAssignments(text.split(",").filter((part) => part !== "")),
  parseEach: parseAssignments,
};

function parseAssignments(texts: readonly string[]): readonly string[] {
  if (texts.every((text) => /^[A-Za-z_][A-Za-z0-9_]*=/.test(text))) return texts;
  throw new RangeError("expected NAME=VALUE with a NAME of letters, digits and underscores");
}

/** A level of zap: a name, or a number for debug. */
export const logLevel: ValueKind<"debug" | "info" | "warn" | "error"> = {
  placeholder: "LEVEL",
  parse(value) {
    if (/^[1-9]\d*$/.test(value)) return "debug";
    const level = (["debug", "info", "warn", "error"] as const).find((name) => name === value);
    if (level) return level;
    throw new RangeError("expected debug, info, warn, error, or a number above 0");
  },
};
