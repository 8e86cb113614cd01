/**
 * The program: reads arguments and environment, runs what they ask for, passes signals on, and exits with a code
 * that says how it went: 0 for success, 1 for a failure, 2 for a wrong configuration. The service itself runs in a Worker
 * that may do no more than its configuration needs (docs/security.md); the Worker begins with this same file.
 *
 * @module
 */
import denoJson from "./deno.json" with { type: "json" };
import { parseCommand } from "./lib/config/cli.ts";
import { systemClock } from "./lib/clock.ts";
import { runCommand } from "./lib/command.ts";
import type { Config } from "./lib/config/config.ts";
import { ConfigError } from "./lib/config/errors.ts";
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
      case "generate-token": {
        // Loads what checks claims, which the process has no use for otherwise.
        const { issueToken } = await import("./lib/tokens.ts");
        writeAll(Deno.stdout, `${issueToken(command.secret, command.environment)}\n`);
        return SUCCESS;
      }
      case "permissions": {
        const permissions = servicePermissions(
          command.config,
          await findCluster(command.config, Deno.readTextFile),
        );
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
    const now = systemClock.now();
    // Who asks twice doesn't want to wait for the work in hand.
    if (now - stoppedAt > SAME_SIGNAL_MS) Deno.exit(FAILURE);
    if (stop.signal.aborted) return;
    stoppedAt = now;
    stop.abort();
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, onSignal);
  const cluster = await findCluster(config, Deno.readTextFile);
  await runSandboxed({ config, cluster, version: denoJson.version, description }, {
    entry: import.meta.url,
    runCommand,
    clock: systemClock,
    signal: stop.signal,
  });
}

if ("DedicatedWorkerGlobalScope" in globalThis) {
  // The process has no use for all that the service needs, so that it doesn't load it.
  const { runInWorker } = await import("./lib/sandbox/worker.ts");
  runInWorker(globalThis as unknown as ServicePort);
} else if (import.meta.main) Deno.exit(await main(Deno.args));
