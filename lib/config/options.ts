/**
 * Every option of the program, once: flag, environment variable, kind of value, default and help text. Parsing, help,
 * documentation and the start-up log come from this table (contract §5).
 *
 * @module
 */
import type { Option } from "./option.ts";
import { BROKER_OPTIONS, CONFIG_MAP_OPTIONS } from "./options_delivery.ts";
import { INTEGRATION_OPTIONS } from "./options_integration.ts";
import { PROCESS_OPTIONS, TOKEN_OPTIONS } from "./options_platform.ts";
import { WEB_OPTIONS } from "./options_web.ts";

/** All options, in the groups of the help text. */
export const OPTION_GROUPS = {
  "ConfigMaps": CONFIG_MAP_OPTIONS,
  "Facts, problems and tokens": WEB_OPTIONS,
  "Broker": BROKER_OPTIONS,
  "Process": PROCESS_OPTIONS,
  "Dependency-Track and build scanner": INTEGRATION_OPTIONS,
  "Printing a token": TOKEN_OPTIONS,
} as const;

/** All options by name. */
export const OPTIONS:
  & typeof CONFIG_MAP_OPTIONS
  & typeof WEB_OPTIONS
  & typeof BROKER_OPTIONS
  & typeof PROCESS_OPTIONS
  & typeof INTEGRATION_OPTIONS
  & typeof TOKEN_OPTIONS = {
    ...CONFIG_MAP_OPTIONS,
    ...WEB_OPTIONS,
    ...BROKER_OPTIONS,
    ...PROCESS_OPTIONS,
    ...INTEGRATION_OPTIONS,
    ...TOKEN_OPTIONS,
  };

/** The validated value of each option. */
export type Values = {
  readonly [Name in keyof typeof OPTIONS]: (typeof OPTIONS)[Name] extends Option<infer T> ? T : never;
};
