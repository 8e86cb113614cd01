/**
 * The errors that the whole program shares. An error carries a stable code, which is also its metric label,
 * and a class that says what the caller can do about it. Messages never hold tokens, passwords or payloads.
 *
 * @module
 */

/** Base of all errors that the program raises on purpose. */
export class AppError extends Error {
  /** For logs. */
  override name = "AppError";
  /** Stable identifier in kebab-case, for logs and metric labels. */
  readonly code: string;

  /**
   * Makes an error.
   *
   * @param code Stable identifier in kebab-case.
   */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Trying again can't help until the object itself changes; a reconciler's error of this class is not retried. */
export class TerminalError extends AppError {
  /** For logs. */
  override name = "TerminalError";
}

/** A destination can't take a message at the moment: nothing is delivered, and trying again later can help. */
export class UnavailableError extends AppError {
  /** For logs. */
  override name = "UnavailableError";
}

/**
 * One line that tells what happened, with the chain of causes and without stack traces.
 *
 * @param error Anything that was thrown.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.message === "" ? error.name : error.message;
  if (error.cause === undefined || error.cause === error) return text;
  const cause = describeError(error.cause);
  return text.includes(cause) ? text : `${text}: ${cause}`;
}
