/**
 * The process's side of the sandbox: runs the service in a Worker with only the permissions that its configuration
 * needs. It parses no input of tenants.
 *
 * @module
 */
import { AppError, describeError } from "../errors.ts";
import type { Kubeconfig } from "../kube/kubeconfig.ts";
import type { FromService, ServiceStart, ToService } from "./messages.ts";
import { servicePermissions } from "./permissions.ts";

/** Options of {@link runSandboxed}. */
export interface SandboxOptions {
  /** Module of the Worker, which calls `runInWorker`. */
  readonly entry: string;
  /** Reads the kubeconfig's credentials; without it, the Worker's requests for them get no answer. */
  readonly readCredentials: Kubeconfig["readCredentials"] | undefined;
  /** Asks the service for a graceful stop. */
  readonly signal: AbortSignal;
}

/**
 * Runs the service until it has stopped.
 *
 * @throws {AppError} Code `service-failed` when it could not start, or not continue.
 */
export async function runSandboxed(
  start: ServiceStart,
  { entry, readCredentials, signal }: SandboxOptions,
): Promise<void> {
  const worker = new Worker(entry, {
    type: "module",
    name: "insights-remote",
    deno: { permissions: servicePermissions(start.config, start.cluster) },
  });
  const { promise: end, resolve, reject } = Promise.withResolvers<void>();
  const ended = new AbortController();
  const send = (message: ToService) => worker.postMessage(message);
  const stop = () => send({ kind: "stop" });
  worker.onmessage = ({ data }: MessageEvent<FromService>) => {
    switch (data.kind) {
      case "listening":
        send({ kind: "start", start });
        if (signal.aborted) stop();
        return;
      case "read-credentials":
        return void readCredentials?.({ refused: data.refused, signal: ended.signal }).then(
          (credentials) => send({ kind: "credentials", id: data.id, credentials }),
          (error) => send({ kind: "no-credentials", id: data.id, reason: describeError(error) }),
        );
      case "stopped":
        return resolve();
      case "failed":
        return reject(new AppError("service-failed", data.reason));
    }
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new AppError("service-failed", `The service ended because of a bug: ${event.message}`));
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    await end;
  } finally {
    signal.removeEventListener("abort", stop);
    ended.abort();
    worker.terminate();
  }
}
