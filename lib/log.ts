/**
 * Logging: constant messages with fields, one line each. LogTape formats them.
 *
 * @module
 */
import { configureSync, getJsonLinesFormatter, getLogfmtFormatter, getLogger } from "@logtape/logtape";

/** Data of a log line. Never tokens, passwords or payloads. */
export type LogFields = Record<string, unknown>;

/** The log, as the parts of the program use it. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  /** For what recovers by itself, but should be rare. */
  warn(message: string, fields?: LogFields): void;
  /** For what needs an operator. */
  error(message: string, fields?: LogFields): void;
}

/** Options of {@link createLogger}. */
export interface LogOptions {
  /** The lowest level that is logged. */
  readonly level: "debug" | "info" | "warn" | "error";
  /** `json`: one JSON object per line; `console`: logfmt, for people. */
  readonly encoder: "json" | "console";
}

const LEVELS = { debug: "debug", info: "info", warn: "warning", error: "error" } as const;

/**
 * Creates the program's logger, once per process: LogTape's configuration is global.
 *
 * @param write Takes each line, with its line end.
 */
export function createLogger(options: LogOptions, write: (line: string) => void): Logger {
  const format = options.encoder === "json"
    ? getJsonLinesFormatter({ properties: "flatten" })
    : getLogfmtFormatter();
  configureSync({
    reset: true,
    sinks: { lines: (record) => write(format(record)) },
    loggers: [
      { category: "insights-remote", lowestLevel: LEVELS[options.level], sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["lines"] },
    ],
  });
  const logger = getLogger("insights-remote");
  // LogTape takes braces for placeholders; here they are plain text.
  const at = (level: keyof Logger) => (message: string, fields?: LogFields) =>
    logger[level](message.replaceAll("{", "{{").replaceAll("}", "}}"), fields ?? {});
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
