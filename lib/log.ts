/**
 * Logging: constant messages with fields, one line each on standard error. LogTape does the formatting.
 *
 * @module
 */
import { configureSync, getJsonLinesFormatter, getLogger, getTextFormatter } from "@logtape/logtape";
import type { FormattedValues, LogRecord } from "@logtape/logtape";

/** Data of a log line; never tokens, passwords or payloads. */
export type LogFields = Record<string, unknown>;

/** What the program's parts log with; it is passed to them, so that tests can read what was logged. */
export interface Logger {
  /** What only helps to find a mistake. */
  debug(message: string, fields?: LogFields): void;
  /** What an operator may want to know. */
  info(message: string, fields?: LogFields): void;
  /** What mends itself, but should not happen often. */
  warn(message: string, fields?: LogFields): void;
  /** What somebody should look at. */
  error(message: string, fields?: LogFields): void;
}

/** Options of {@link createLogger}. */
export interface LogOptions {
  /** Lines below this level are left out. */
  readonly level: "debug" | "info" | "warn" | "error";
  /** `json`: one JSON object a line; `console`: for people. */
  readonly encoder: "json" | "console";
}

const LEVELS = { debug: "debug", info: "info", warn: "warning", error: "error" } as const;

/**
 * Makes the program's logger. LogTape keeps its configuration for the whole process, so a process makes one.
 *
 * @param write Takes each finished line, with its line end.
 */
export function createLogger(options: LogOptions, write: (line: string) => void): Logger {
  const format = options.encoder === "json"
    ? getJsonLinesFormatter({ properties: "flatten" })
    : withFields(getTextFormatter({ timestamp: "time", format: consoleLine }));
  configureSync({
    reset: true,
    sinks: { lines: (record) => write(format(record)) },
    loggers: [
      { category: "insights-remote", lowestLevel: LEVELS[options.level], sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["lines"] },
    ],
  });
  const logger = getLogger("insights-remote");
  // Braces are LogTape's placeholders; in our constant messages they would be plain text.
  const at = (level: keyof Logger) => (message: string, fields?: LogFields) =>
    logger[level](message.replaceAll("{", "{{").replaceAll("}", "}}"), fields ?? {});
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function consoleLine({ timestamp, level, message }: FormattedValues): string {
  return `${timestamp} ${level} ${message}`;
}

function withFields(format: (record: LogRecord) => string): (record: LogRecord) => string {
  return (record) => {
    const fields = Object.entries(record.properties).map(([name, value]) =>
      `${name}=${JSON.stringify(value)}`
    );
    return `${[format(record).trimEnd(), ...fields].join(" ")}\n`;
  };
}
