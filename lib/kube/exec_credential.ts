/**
 * Credentials from a command that a kubeconfig names, such as a cloud's login tool: the ExecCredential protocol of
 * Kubernetes, versions v1 and v1beta1 (https://kubernetes.io/docs/reference/config-api/client-authentication.v1/).
 *
 * @module
 */
import { type Clock, deadline } from "../clock.ts";
import type { CommandResult, RunCommand } from "../command.ts";
import { AppError } from "../errors.ts";
import type { ExecPlugin } from "./kubeconfig.ts";

/** What a plugin gave. */
export interface ExecCredential {
  /** Bearer token. */
  readonly token: string | undefined;
  /** Certificate and key, PEM. */
  readonly certificate: { readonly cert: string; readonly key: string } | undefined;
  /** When they end, in milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
}

/** What a plugin is told about the cluster when it asks for it. */
export interface ExecCluster {
  /** The API server's URL. */
  readonly server: string;
  /** CA certificates, PEM. */
  readonly ca: string | undefined;
}

/** Longest run of a plugin: it may talk to a server far away, and nobody sits there to answer it. */
const LIMIT_MS = 30_000;

/** Most of a plugin's complaint that is shown. */
const LONGEST_COMPLAINT = 200;

/**
 * Runs a plugin.
 *
 * @param signal Ends it.
 * @throws {AppError} Code `exec-plugin` when it can't be run, fails, takes longer than 30 seconds, or answers with
 *   something else than credentials. What it printed is not in the message, but for the last line of its complaints
 *   with everything left out that could be a secret.
 */
export async function runExecPlugin(
  plugin: ExecPlugin,
  cluster: ExecCluster,
  { run, clock, signal }: { run: RunCommand; clock: Clock; signal: AbortSignal },
): Promise<ExecCredential> {
  using limit = deadline(clock, LIMIT_MS, signal);
  const env = { ...plugin.env, KUBERNETES_EXEC_INFO: JSON.stringify(request(plugin, cluster)) };
  let result: CommandResult;
  try {
    result = await run(plugin.command, plugin.args, env, { signal: limit.signal });
  } catch (cause) {
    throw failure(
      plugin,
      limit.signal.aborted ? `it did not end within ${LIMIT_MS / 1000} s` : "it can't be run",
      cause,
    );
  }
  if ("failure" in result) {
    const hint = plugin.installHint.trim();
    if (result.failure === "not-found") {
      throw failure(plugin, `it is not installed${hint === "" ? "" : `: ${hint}`}`);
    }
    throw failure(plugin, "this program may not run commands here: `deno task dev` may");
  }
  if (result.code !== 0) {
    throw failure(
      plugin,
      `it ended with code ${result.code}: ${complaint(result.stderr, plugin) || "it said nothing"}`,
    );
  }
  return readAnswer(plugin, result.stdout);
}

function request({ apiVersion, clusterInfo }: ExecPlugin, { server, ca }: ExecCluster) {
  const cluster = clusterInfo && {
    server,
    ...(ca === undefined ? {} : { "certificate-authority-data": new TextEncoder().encode(ca).toBase64() }),
    ...(clusterInfo.config === undefined ? {} : { config: clusterInfo.config }),
  };
  return {
    apiVersion,
    kind: "ExecCredential",
    spec: { interactive: false, ...(cluster ? { cluster } : {}) },
  };
}

function readAnswer(plugin: ExecPlugin, stdout: string): ExecCredential {
  const { apiVersion, kind, status } = parseObject(stdout);
  if (kind !== "ExecCredential" || apiVersion !== plugin.apiVersion) {
    throw failure(plugin, `it must print an ExecCredential of ${plugin.apiVersion}`);
  }
  const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } = asRecord(status);
  const certificate = isText(cert) && isText(key) ? { cert, key } : undefined;
  if (isText(cert) !== isText(key)) {
    throw failure(plugin, "it must print both a certificate and its key, or neither");
  }
  if (!isText(token) && !certificate) throw failure(plugin, "it must print a token or a certificate");
  const expiresAt = isText(expirationTimestamp) ? Date.parse(expirationTimestamp) : undefined;
  if (Number.isNaN(expiresAt)) throw failure(plugin, "its expirationTimestamp must be a time in RFC 3339");
  return { token: isText(token) ? token : undefined, certificate, expiresAt };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return asRecord(JSON.parse(text));
  } catch {
    // The parser's message would quote what was printed.
    return {};
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Long words without a slash are what tokens and keys look like, and paths and sentences don't. */
const LIKE_A_SECRET = /[A-Za-z0-9+_.=~-]{24,}/g;
/** A shorter value may be part of any word. */
const SHORTEST_SECRET = 4;

function complaint(stderr: string, { env, args }: ExecPlugin): string {
  let line = stderr.trimEnd().split("\n").at(-1)?.trim() ?? "";
  const given = [...Object.values(env), ...args].filter((text) => text.length >= SHORTEST_SECRET);
  for (const text of given) line = line.replaceAll(text, "(hidden)");
  return line.replace(LIKE_A_SECRET, "(hidden)").slice(0, LONGEST_COMPLAINT);
}

function failure({ command }: ExecPlugin, why: string, cause?: unknown): AppError {
  const message = `Cannot get credentials from the kubeconfig's command ${command} as ${why}`;
  return new AppError("exec-plugin", message, cause === undefined ? {} : { cause });
}
