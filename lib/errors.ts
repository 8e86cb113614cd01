/**
 * The program's errors. The code of an error is stable, and is also its metric label; its class says what the caller can
 * do about it. Messages never hold tokens, passwords or payloads.
 *
 * @module
 */

/** Base of all errors that the program throws on purpose. */
export class AppError extends Error {
  override name = "AppError";
  readonly code: string;

  /** Creates an error; the code is in kebab-case. */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A retry can't help until the object itself changes. */
export class TerminalError extends AppError {
  override name = "TerminalError";
}

/** A destination can't take a message now. A later retry can help. */
export class UnavailableError extends AppError {
  override name = "UnavailableError";
}

/** Describes anything that was thrown in one line, with its chain of causes and without stack traces. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.message === "" ? error.name : error.message;
  if (error.cause === undefined || error.cause === error) return text;
  const cause = describeError(error.cause);
  return text.includes(cause) ? text : `${text}: ${cause}`;
}
