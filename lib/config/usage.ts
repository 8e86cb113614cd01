/**
 * The help text.
 *
 * @module
 */
import { OPTIONS } from "./options.ts";
import type { Option } from "./values.ts";

/** The heading of each section, in the order of the help text and of docs/configuration.md. */
export const TITLES: Readonly<Record<keyof typeof OPTIONS, string>> = {
  configMaps: "ConfigMaps",
  web: "Facts and problems",
  tokens: "Tokens",
  broker: "Broker",
  dependencyTrack: "Dependency-Track",
  scanner: "Build scanner",
  health: "Health",
  metrics: "Metrics",
  leaderElection: "Leader election",
  kubernetes: "Kubernetes and local runs",
  shutdown: "Shutdown",
  log: "Logging",
  generateToken: "Printing a token",
  ignored: "Accepted without effect",
};

/** The text of `--help`, without a final newline. */
export function usage(): string {
  const sections = Object.entries(TITLES).flatMap(([section, title]) => [
    `${title}:`,
    ...Object.values(OPTIONS[section as keyof typeof OPTIONS]).flatMap(optionUsage),
    "",
  ]);
  return [
    "insights-remote forwards insights from a cluster's builds and pods to Lagoon core.",
    "",
    "Usage: insights-remote [flags]",
    "       insights-remote permissions [flags]    print what the service would be permitted",
    "",
    "Each flag has an environment variable, which overrides it; an empty variable counts as not set.",
    "Booleans are written as --flag or --flag=false.",
    "",
    ...sections,
    "Other:",
    "  --help, --version",
  ].join("\n");
}

function optionUsage({ flag, env, kind, defaultText, help }: Option<unknown>): string[] {
  const end = defaultText === "" ? "" : ` (default ${defaultText})`;
  return [`  --${flag} ${kind.placeholder}`.trimEnd(), `      ${env}: ${help}${end}`];
}
