/**
 * A row of the table of options, and the kinds of values: how each is written, parsed, and explained when it is wrong.
 *
 * @module
 */
import { parseGoBoolean } from "../lagoon.ts";
import type { LogOptions } from "../log.ts";

/** A kind of value. */
export interface ValueKind<T> {
  /** Stands for the value in the help text; empty for booleans, whose flag needs no value. */
  readonly placeholder: string;
  /** Values are never shown. */
  readonly isSecret?: boolean;
  /** Throws a RangeError that says what was expected, without the value: that may be a secret. */
  parse(text: string): T;
  /** Parses the values of a repeated flag; without it, the last one counts. */
  parseEach?(texts: readonly string[]): T;
}

/** A row of the table. */
export interface Option<T> {
  /** Without dashes. */
  readonly flag: string;
  readonly env: string;
  readonly kind: ValueKind<T>;
  /** As an operator would write it; empty for none. */
  readonly defaultText: string;
  readonly help: string;
}

/** Makes a row. The variable has the flag's name unless `env` is given. */
export function option<T>(
  flag: string,
  kind: ValueKind<T>,
  defaultText: string,
  { help, env = flag.replaceAll("-", "_").toUpperCase() }: { readonly help: string; readonly env?: string },
): Option<T> {
  return { flag, env, kind, defaultText, help };
}

/** Makes a kind from a parser that returns undefined for text that it does not accept. */
function kind<T>(
  placeholder: string,
  expected: string,
  parse: (text: string) => T | undefined,
): ValueKind<T> {
  return {
    placeholder,
    parse(text) {
      const value = parse(text);
      if (value !== undefined) return value;
      throw new RangeError(`expected ${expected}`);
    },
  };
}

/** The kind of an option that may be off, which is written as `off`. */
export function optional<T>(kind: ValueKind<T>, off = ""): ValueKind<T | undefined> {
  return { ...kind, parse: (text) => text === off ? undefined : kind.parse(text) };
}

/** The spellings of Go's strconv.ParseBool. */
export const boolean: ValueKind<boolean> = kind(
  "",
  "true or false (1 t T TRUE true True 0 f F FALSE false False)",
  parseGoBoolean,
);

/** Any text. */
export const text: ValueKind<string> = { placeholder: "TEXT", parse: (text) => text };

/** Text that is never shown. */
export const secret: ValueKind<string> = { ...text, isSecret: true };

/** The path of a file, which is opened later. */
export const file: ValueKind<string> = { ...text, placeholder: "FILE" };

/** A whole number in a range, multiplied by `unit`. */
export function integer(least: number, most: number, unit = 1): ValueKind<number> {
  return kind("N", `a whole number from ${least} to ${most}`, (text) => {
    const number = Number(text);
    return /^\d+$/.test(text) && number >= least && number <= most ? number * unit : undefined;
  });
}

/** A duration in whole seconds; the value is in milliseconds. */
export function seconds(least: number, most: number): ValueKind<number> {
  return integer(least, most, 1000);
}

/** A TCP port. */
export const port: ValueKind<number> = integer(1, 65535);

/** One of some words, in any case. */
export function choice<Word extends string>(...words: readonly Word[]): ValueKind<Word> {
  return kind(
    words.join("|"),
    `one of ${words.join(", ")}`,
    (text) => words.find((word) => word === text.toLowerCase()),
  );
}

const HOST_PORT = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:/@[\]]+))?(?::(\d+))?$/;

/** `host`, `host:port` or `:port`; an IPv6 address needs brackets, which the value does not have. */
function splitHostPort(text: string): { hostname?: string | undefined; port?: number | undefined } {
  const [, bracketed, plain, digits] = HOST_PORT.exec(text) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  return port === undefined || port >= 1 && port <= 65535 ? { hostname: bracketed ?? plain, port } : {};
}

/** A host, and a port unless the default is meant. */
export interface Host {
  readonly hostname: string;
  readonly port: number | undefined;
}

/** `host` or `host:port`. */
export const hostPort: ValueKind<Host> = kind(
  "HOST[:PORT]",
  "HOST or HOST:PORT, without a scheme, user or path",
  (text) => {
    const { hostname = "", port } = splitHostPort(text);
    // Deno's permissions accept no other characters in a name.
    return /^[\w.-]+$|:/.test(hostname) ? { hostname, port } : undefined;
  },
);

/** Hosts separated by commas; the names are as `URL` writes them. */
export const hostPorts: ValueKind<readonly Host[]> = {
  placeholder: "HOST[:PORT],…",
  parse: (text) => text.split(",").map((part) => part.trim()).filter((part) => part !== "").map(urlHost),
};

function urlHost(text: string): Host {
  const { hostname: given, port } = splitHostPort(text);
  const hostname = given && URL.parse(`https://${text}`)?.hostname;
  if (hostname) return { hostname, port };
  throw new RangeError("expected the name or address of a host");
}

/** Hosts as they are used, separated by commas. */
export const hostNames: ValueKind<readonly [string, ...string[]]> = kind(
  "HOST,…",
  "one or more host names, separated by commas",
  (text) => {
    const [first, ...others] = text.split(",").map((part) => part.trim());
    return first && [first, ...others].every((host) => /^[\w.:-]+$/.test(host))
      ? [first, ...others]
      : undefined;
  },
);

/** An address to listen on. */
export interface HostPort {
  /** Undefined for all addresses. */
  readonly hostname: string | undefined;
  readonly port: number;
}

/** `:8081` for all addresses, `host:8081` for one, `0` for none. */
export const bindAddress: ValueKind<HostPort | undefined> = optional(
  kind("[HOST]:PORT", ":PORT, HOST:PORT, or 0 for off", (text) => {
    const { hostname, port } = splitHostPort(text);
    return port === undefined ? undefined : { hostname, port };
  }),
  "0",
);

const LABEL_KEY =
  /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** The key of a label. */
export const labelKey: ValueKind<string> = kind(
  "LABEL",
  "a label's key, such as example.com/name",
  (text) => LABEL_KEY.test(text) ? text : undefined,
);

/** An HTTP URL. */
export const url: ValueKind<string> = kind(
  "URL",
  "a URL that begins with http:// or https://, without a user",
  (text) => {
    const parsed = /^https?:\/\//.test(text) ? URL.parse(text) : null;
    return parsed?.username === "" && parsed.password === "" ? text : undefined;
  },
);

const TEMPLATE_VARIABLES = ["ProjectName", "EnvironmentName", "ServiceName", "EnvironmentType", "Version"];
const TEMPLATE_VARIABLE = new RegExp(`\\{\\{\\s*\\.(?:${TEMPLATE_VARIABLES.join("|")})\\s*\\}\\}`, "g");

/** Text with `{{ .Name }}` in it. */
export const template: ValueKind<string> = kind(
  "TEMPLATE",
  `only variables of ${TEMPLATE_VARIABLES.map((name) => `{{ .${name} }}`).join(" ")}`,
  (text) => /\{\{|\}\}/.test(text.replaceAll(TEMPLATE_VARIABLE, "")) ? undefined : text,
);

/** `NAME=value`: one for each flag, or several in one variable, separated by commas. The last value of a name counts. */
export const assignments: ValueKind<Readonly<Record<string, string>>> = {
  placeholder: "NAME=VALUE",
  isSecret: true,
  parse: (text) => parseAssignments(text.split(",").filter((part) => part !== "")),
  parseEach: parseAssignments,
};

function parseAssignments(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(texts.map((assignment) => {
    const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=([^]*)$/.exec(assignment) ?? [];
    if (name !== undefined && value !== undefined) return [name, value];
    throw new RangeError("expected NAME=VALUE with a NAME of letters, digits and underscores");
  }));
}

const LEVELS = choice("debug", "info", "warn", "error");

/** A level of zap: a name, or a number for debug. Nothing is logged above `error`, so `panic` is the same. */
export const logLevel: ValueKind<LogOptions["level"]> = {
  ...LEVELS,
  parse: (text) => {
    if (/^\+?0*[1-9]\d*$/.test(text)) return "debug";
    return text.toLowerCase() === "panic" ? "error" : LEVELS.parse(text);
  },
};
