/**
 * The error of a wrong configuration.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** The configuration cannot be used. The message is one line that lists every problem. */
export class ConfigError extends AppError {
  override name = "ConfigError";

  /** Each problem starts with the variable or the flag. */
  constructor(problems: readonly string[]) {
    super("configuration", problems.join("; "));
  }
}
