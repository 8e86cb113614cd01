/**
 * The program: reads arguments and environment, runs what they ask for, passes signals on, and exits with a code
 * that says how it went: 0 for success, 1 for a failure, 2 for a wrong configuration.
 *
 * @module
 */
import denoJson from "./deno.json" with { type: "json" };
import { parseCommand } from "./lib/cli.ts";
import { systemClock } from "./lib/clock.ts";
import { runCommand } from "./lib/command.ts";
import type { Config } from "./lib/config/config.ts";
import { ConfigError } from "./lib/config/errors.ts";
import { usage } from "./lib/config/usage.ts";
import { describeError } from "./lib/errors.ts";
import { type ClusterAccess, serviceAccountAccess } from "./lib/kube/credentials.ts";
import { kubeconfigAccess } from "./lib/kube/kubeconfig_access.ts";
import { requireLocalContext } from "./lib/kube/local_context.ts";
import { createLogger } from "./lib/log.ts";
import { serve } from "./lib/service.ts";
import { issueToken } from "./lib/tokens.ts";

const SUCCESS = 0;
const FAILURE = 1;
const WRONG_CONFIGURATION = 2;

/** One Ctrl-C arrives twice when a task runner passes on what the terminal has sent to all of its processes. */
const SAME_SIGNAL_MS = 250;

/** Runs the program; resolves with its exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const command = parseCommand(args, (name) => Deno.env.get(name));
    switch (command.kind) {
      case "help":
        writeAll(Deno.stdout, `${usage()}\n`);
        return SUCCESS;
      case "version":
        writeAll(Deno.stdout, `insights-remote ${denoJson.version}\n`);
        return SUCCESS;
      case "generate-token":
        writeAll(Deno.stdout, `${issueToken(command.secret, command.environment)}\n`);
        return SUCCESS;
      case "serve":
        await runService(command.config, command.description);
        return SUCCESS;
    }
  } catch (error) {
    writeAll(Deno.stderr, `insights-remote: ${describeError(error)}\n`);
    return error instanceof ConfigError ? WRONG_CONFIGURATION : FAILURE;
  }
}

async function runService(config: Config, description: Record<string, unknown>): Promise<void> {
  const log = createLogger(config.log, (line) => writeAll(Deno.stderr, line));
  const stop = new AbortController();
  let stoppedAt = Number.POSITIVE_INFINITY;
  const onSignal = () => {
    const now = systemClock.now();
    // Who asks twice doesn't want to wait for the work in hand.
    if (now - stoppedAt > SAME_SIGNAL_MS) Deno.exit(FAILURE);
    if (stop.signal.aborted) return;
    stoppedAt = now;
    stop.abort();
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, onSignal);
  log.info("Starting", { version: denoJson.version, options: description });
  await serve(config, {
    clock: systemClock,
    random: Math.random,
    newId: () => crypto.randomUUID(),
    log,
    openCluster: () => openCluster(config),
    readTextFile: Deno.readTextFile,
    writeMessage: (line) => writeAll(Deno.stdout, line),
  }, { signal: stop.signal });
}

/** In a pod as its ServiceAccount, elsewhere as the kubeconfig says. */
async function openCluster({ kubernetes }: Config): Promise<ClusterAccess> {
  const { serviceHost, servicePort, serviceAccountDirectory, kubeconfigPaths } = kubernetes;
  if (serviceHost && servicePort) {
    return serviceAccountAccess({
      directory: serviceAccountDirectory,
      host: serviceHost,
      port: servicePort,
      clock: systemClock,
      readTextFile: Deno.readTextFile,
    });
  }
  const { readKubeconfig } = await import("./lib/kube/kubeconfig.ts");
  const context = await readKubeconfig(kubeconfigPaths, Deno.readTextFile);
  if (!kubernetes.allowRemoteContext) requireLocalContext(context);
  return kubeconfigAccess(context, { clock: systemClock, readTextFile: Deno.readTextFile, runCommand });
}

function writeAll(output: { writeSync(bytes: Uint8Array): number }, text: string | Uint8Array): void {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  for (let written = 0; written < bytes.length;) written += output.writeSync(bytes.subarray(written));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
