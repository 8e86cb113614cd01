/**
 * Credentials from a command that a kubeconfig names, such as a cloud's login tool: the ExecCredential protocol of
 * Kubernetes (https://kubernetes.io/docs/reference/config-api/client-authentication.v1/). `@kubernetes/client-node` runs
 * such commands, too, but without a time limit, and its errors quote all their output.
 *
 * @module
 */
import { z } from "zod";
import { type Clock, deadline, unlessAborted } from "../clock.ts";
import { AppError } from "../errors.ts";
import type { Credentials } from "./credentials.ts";

const pluginSchema = z.object({
  apiVersion: z.enum(["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]),
  command: z.string().min(1),
  args: z.array(z.coerce.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.coerce.string() })).nullish(),
  installHint: z.string().nullish(),
  interactiveMode: z.enum(["Never", "IfAvailable"], "nobody can answer it. Use Never or IfAvailable")
    .nullish(),
  provideClusterInfo: z.boolean().nullish(),
});

type Plugin = z.infer<typeof pluginSchema>;

/** What a plugin with `provideClusterInfo` learns about the cluster. */
export interface ExecCluster {
  readonly server: string;
  /** PEM. */
  readonly ca: string | undefined;
  readonly config: unknown;
}

/** A plugin may have to wait for a remote server. */
const LIMIT_MS = 30_000;

/** Runs a plugin; its standard error is the program's, as with kubectl. */
export type ExecPlugin = (cluster: ExecCluster, signal: AbortSignal) => Promise<Credentials>;

/**
 * Makes a plugin from its description, `users[].user.exec` of a kubeconfig. It throws an {@link AppError} with the code
 * `exec-plugin` when it can't be run, fails, takes longer than 30 seconds, or prints no valid credentials. The message
 * quotes nothing that the plugin printed.
 *
 * @param fail Makes the error to throw from the reason why the description can't be used.
 */
export function createExecPlugin(value: unknown, clock: Clock, fail: (reason: string) => Error): ExecPlugin {
  const { data: plugin, error } = pluginSchema.safeParse(value);
  if (error) throw fail(`exec.${describeIssue(error)}`);
  return (cluster, signal) => runExecPlugin(plugin, cluster, clock, signal);
}

async function runExecPlugin(
  plugin: Plugin,
  cluster: ExecCluster,
  clock: Clock,
  signal: AbortSignal,
): Promise<Credentials> {
  const { apiVersion, command, installHint } = plugin;
  const fail = (reason: string, options?: ErrorOptions) =>
    new AppError("exec-plugin", `Cannot get credentials from the exec plugin ${command}: ${reason}`, options);
  using limit = deadline(clock, LIMIT_MS, signal);
  let output: Deno.CommandOutput;
  try {
    output = await run(plugin, cluster, limit.signal);
  } catch (cause) {
    if (limit.signal.aborted) throw fail(`it did not finish within ${LIMIT_MS / 1000} s`);
    if (cause instanceof Deno.errors.NotFound) throw fail(`it is not installed. ${installHint ?? ""}`.trim());
    if (cause instanceof Deno.errors.NotCapable) throw fail("only `deno task dev` may run commands");
    throw fail("it cannot be run", { cause });
  }
  if (!output.success) throw fail(`it exited with code ${output.code}`);
  const { data, error } = credentialSchema(apiVersion).safeParse(parseJson(output.stdout));
  if (error) throw fail(`it must print an ExecCredential of ${apiVersion}: ${describeIssue(error)}`);
  const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } = data.status;
  return {
    ca: cluster.ca,
    token: token || undefined,
    certificate: cert && key ? { cert, key } : undefined,
    expiresAt: expirationTimestamp ? Date.parse(expirationTimestamp) : undefined,
  };
}

/** Runs the command without input. When the signal aborts, kills it and does not wait for its children. */
async function run(
  { apiVersion, command, args, env, provideClusterInfo }: Plugin,
  { server, ca, config }: ExecCluster,
  signal: AbortSignal,
): Promise<Deno.CommandOutput> {
  const data = ca && new TextEncoder().encode(ca).toBase64();
  const cluster = { server, "certificate-authority-data": data, config };
  const spec = { interactive: false, cluster: provideClusterInfo ? cluster : undefined };
  const child = new Deno.Command(command, {
    args: args ?? [],
    env: {
      ...Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
      KUBERNETES_EXEC_INFO: JSON.stringify({ apiVersion, kind: "ExecCredential", spec }),
    },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  try {
    return await unlessAborted(child.output(), signal);
  } catch (error) {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has exited, and one of its children keeps its output open.
    }
    throw error;
  }
}

function credentialSchema(apiVersion: string) {
  const status = z.object({
    token: z.string().nullish(),
    clientCertificateData: z.string().nullish(),
    clientKeyData: z.string().nullish(),
    expirationTimestamp: z.iso.datetime({ offset: true }).nullish(),
  });
  return z.object({
    apiVersion: z.literal(apiVersion),
    kind: z.literal("ExecCredential"),
    status: status.refine(
      ({ token, clientCertificateData: cert, clientKeyData: key }) => (token || cert) && !cert === !key,
      "expected a token, or a certificate and its key",
    ),
  });
}

/** Names the first wrong field and what it must be, without its value. */
function describeIssue({ issues: [issue] }: z.ZodError): string {
  return [issue?.path.join("."), issue?.message].filter(Boolean).join(": ");
}

/** The parser's error would quote the text. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
