/**
 * Errors of uploads to Dependency-Track. Their messages name the server's host and the request; they never hold a key or
 * anything that the server answered besides its status.
 *
 * @module
 */
import { TerminalError, UnavailableError } from "../errors.ts";

/** The upload failed; a retry can help. */
export class DependencyTrackUnavailableError extends UnavailableError {
  override name = "DependencyTrackUnavailableError";
  /** Wait that the server asked for, in milliseconds; 0 without. */
  readonly retryAfterMs: number;

  /** Makes an error. */
  constructor(
    code: string,
    message: string,
    { retryAfterMs = 0, ...options }: ErrorOptions & { readonly retryAfterMs?: number } = {},
  ) {
    super(code, message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The upload can't succeed until somebody fixes what the message names. */
export class DependencyTrackRefusedError extends TerminalError {
  override name = "DependencyTrackRefusedError";
}
