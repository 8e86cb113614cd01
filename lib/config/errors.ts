/**
 * What is wrong with a configuration.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** One or more options can't be used as they are; the message is one line that names each. */
export class ConfigError extends AppError {
  /** For logs. */
  override name = "ConfigError";

  /**
   * Makes the error.
   *
   * @param problems One for each option: its name, what was expected, what to do.
   */
  constructor(problems: readonly string[]) {
    super("configuration", problems.join("; "));
  }
}
