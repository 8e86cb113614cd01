/**
 * The program: reads arguments and environment, runs the command, forwards signals, and exits with 0 for success, 1 for a
 * failure, 2 for a wrong configuration. The service runs in a Worker that has only the permissions it needs
 * (docs/security.md); the Worker loads this same file.
 *
 * @module
 */
import denoJson from "./deno.json" with { type: "json" };
import { parseCommand } from "./lib/config/cli.ts";
import { systemClock } from "./lib/clock.ts";
import type { Config } from "./lib/config/config.ts";
import { ConfigError } from "./lib/config/read.ts";
import { usage } from "./lib/config/usage.ts";
import { describeError } from "./lib/errors.ts";
import { findCluster } from "./lib/sandbox/cluster.ts";
import { servicePermissions } from "./lib/sandbox/permissions.ts";
import { runSandboxed } from "./lib/sandbox/process.ts";
import type { ServicePort } from "./lib/sandbox/worker.ts";
import { writeAll } from "./lib/sandbox/write_all.ts";

const SUCCESS = 0;
const FAILURE = 1;
const WRONG_CONFIGURATION = 2;

/** A task runner forwards Ctrl-C, which the terminal has sent to all processes already. */
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
      case "generate-token": {
        // Saves memory in a pod, where the process never needs it.
        const { issueToken } = await import("./lib/tokens.ts");
        writeAll(Deno.stdout, `${issueToken(command.secret, command.environment)}\n`);
        return SUCCESS;
      }
      case "permissions": {
        const { cluster } = await findCluster(command.config);
        const permissions = servicePermissions(command.config, cluster);
        writeAll(Deno.stdout, `${JSON.stringify(permissions, null, 2)}\n`);
        return SUCCESS;
      }
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
  const stop = new AbortController();
  let stoppedAt = Number.POSITIVE_INFINITY;
  const onSignal = () => {
    const now = systemClock.monotonic();
    // A second signal asks not to wait for work in progress.
    if (now - stoppedAt > SAME_SIGNAL_MS) Deno.exit(FAILURE);
    if (stop.signal.aborted) return;
    stoppedAt = now;
    stop.abort();
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, onSignal);
  const { cluster, readCredentials } = await findCluster(config);
  await runSandboxed({ config, cluster, version: denoJson.version, description }, {
    entry: import.meta.url,
    readCredentials,
    signal: stop.signal,
  });
}

if ("DedicatedWorkerGlobalScope" in globalThis) {
  // Saves memory: the process does not load the service.
  const { runInWorker } = await import("./lib/sandbox/worker.ts");
  runInWorker(globalThis as unknown as ServicePort);
} else if (import.meta.main) Deno.exit(await main(Deno.args));
