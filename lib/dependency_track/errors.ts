/**
 * What can go wrong with a Dependency-Track server. Messages name the server's host and what was asked, never a key, and
 * nothing of what the server answered but its status, and why its certificate does not fit.
 *
 * @module
 */
import { TerminalError, UnavailableError } from "../errors.ts";

/** Trying again later can help. */
export class TrackUnavailableError extends UnavailableError {
  /** For logs. */
  override name = "TrackUnavailableError";
  /** How long the server asks to be left alone, in milliseconds; 0 when it doesn't say. */
  readonly retryAfterMs: number;

  /** Makes an error. */
  constructor(
    code: string,
    message: string,
    options: ErrorOptions & { readonly retryAfterMs?: number } = {},
  ) {
    super(code, message, options);
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

/** Trying again can't help until somebody changes what the message says. */
export class TrackRefusedError extends TerminalError {
  /** For logs. */
  override name = "TrackRefusedError";
}
