/**
 * The process's side of the sandbox: starts the service in a Worker with the permissions that its configuration needs, asks
 * it to stop, and waits for its end. It parses nothing that comes from tenants.
 *
 * @module
 */
import { type Clock, deadline } from "../clock.ts";
import type { RunCommand } from "../command.ts";
import { AppError } from "../errors.ts";
import type { FromService, ServiceStart, ToService } from "./messages.ts";
import { servicePermissions } from "./permissions.ts";

/** What {@link runSandboxed} needs. */
export interface SandboxOptions {
  /** The module that is run in the Worker, which calls `runInWorker`. */
  readonly entry: string;
  /** Runs the kubeconfig's exec plugin. */
  readonly runCommand: RunCommand;
  /** Time. */
  readonly clock: Clock;
  /** Asks the service to stop in order. */
  readonly signal: AbortSignal;
}

/** How long an exec plugin may take, in milliseconds. */
const EXEC_LIMIT_MS = 30_000;

/**
 * Runs the service until it has stopped.
 *
 * @throws {AppError} Code `service-failed`, when it could not start or not go on, with the reason as its message.
 */
export async function runSandboxed(start: ServiceStart, options: SandboxOptions): Promise<void> {
  const { entry, signal } = options;
  const permissions = servicePermissions(start.config, start.cluster);
  const worker = new Worker(entry, {
    type: "module",
    name: "insights-remote",
    deno: { permissions: permissions as Deno.PermissionOptions },
  });
  const send = (message: ToService) => worker.postMessage(message);
  const stop = () => send({ kind: "stop" });
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  worker.onmessage = ({ data }: MessageEvent<FromService>) => {
    switch (data.kind) {
      case "listening":
        send({ kind: "start", start });
        if (signal.aborted) stop();
        return;
      case "run-exec-plugin":
        return void runExecPlugin(start, data.execInfo, options).then((result) =>
          send({ kind: "credentials", id: data.id, result })
        );
      case "stopped":
        return resolve();
      case "failed":
        return reject(new AppError("service-failed", data.reason));
    }
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new AppError("service-failed", `The service ended by a mistake of ours: ${event.message}`));
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    await ended;
  } finally {
    signal.removeEventListener("abort", stop);
    worker.terminate();
  }
}

async function runExecPlugin(
  { cluster }: ServiceStart,
  execInfo: string,
  { runCommand, clock, signal }: SandboxOptions,
): ReturnType<RunCommand> {
  const exec = cluster?.kind === "kubeconfig" ? cluster.context.exec : undefined;
  if (exec === undefined) return { failure: "not-allowed" };
  using limit = deadline(clock, EXEC_LIMIT_MS, signal);
  const env = { ...exec.env, KUBERNETES_EXEC_INFO: execInfo };
  // The service has the same limit, and tells of it.
  return await runCommand(exec.command, exec.args, env, { signal: limit.signal })
    .catch(() => ({ code: 1, stdout: "", stderr: "it did not end in time" }));
}
