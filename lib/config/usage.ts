/**
 * What people read about the options: the help text, and docs/configuration.md.
 *
 * @module
 */
import type { Option } from "./option.ts";
import { OPTION_GROUPS } from "./options.ts";

const WIDTH = 100;
const INDENT = "      ";

/** The text of `--help`, without a line end. */
export function usage(): string {
  const groups = Object.entries(OPTION_GROUPS).map(([title, options]) =>
    [`${title}:`, ...Object.values(options).map(optionUsage)].join("\n")
  );
  return [
    "insights-remote brings insights from a cluster's builds and pods to Lagoon core.",
    "",
    "Usage: insights-remote [flags]",
    "       insights-remote permissions [flags]    print what the service would be permitted",
    "",
    "Each flag has an environment variable, which wins over it; an empty variable counts as not set.",
    "Booleans are written as --flag or --flag=false.",
    "",
    groups.join("\n\n"),
    "",
    "Other:",
    "  --help, --version",
  ].join("\n");
}

/** The content of docs/configuration.md. */
export function configurationMarkdown(): string {
  const groups = Object.entries(OPTION_GROUPS).map(([title, options]) =>
    [
      `## ${title}`,
      "",
      "| variable | flag | default | what it does |",
      "| --- | --- | --- | --- |",
      ...Object.values(options).map(optionRow),
    ].join("\n")
  );
  return [
    "# Configuration",
    "",
    "Made from the table in `lib/config/` by `deno task docs`.",
    "",
    "Each option is an environment variable and a flag; the variable wins, and an empty one counts as not set.",
    "Flags are written as Go's are: `-x`, `--x`, `--x=value`, `--x value`; booleans `--x` or `--x=false`.",
    "A value that can't be read stops the program at its start with exit code 2 and one line that names it.",
    "",
    "In a pod, `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT` say where the API server is, and Kubernetes sets them.",
    "Elsewhere the current context of the kubeconfig counts: the files in `KUBECONFIG`, or `~/.kube/config`.",
    "It must look like a cluster on this machine, unless `ALLOW_REMOTE_CONTEXT` says that another one is meant.",
    "",
    groups.join("\n\n"),
    "",
  ].join("\n");
}

function optionUsage(option: Option<unknown>): string {
  const placeholder = option.kind.placeholder === "" ? "" : ` ${option.kind.placeholder}`;
  const defaultText = option.defaultText === "" ? "" : ` (default ${option.defaultText})`;
  return [`  --${option.flag}${placeholder}`, ...wrap(`${option.env}: ${option.help}${defaultText}`)].join(
    "\n",
  );
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = INDENT.trimEnd();
  for (const word of text.split(" ")) {
    if (line !== "" && `${INDENT}${line} ${word}`.length > WIDTH) {
      lines.push(INDENT + line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, INDENT + line];
}

function optionRow(option: Option<unknown>): string {
  const defaultText = option.defaultText === "" ? "" : `\`${option.defaultText}\``;
  const help = option.help.replaceAll("|", "\\|");
  return `| \`${option.env}\` | \`${option.flag}\` | ${defaultText} | ${help} |`;
}
