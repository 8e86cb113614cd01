/**
 * The service's side of the sandbox: what runs in the Worker, with the permissions of `permissions.ts` and nothing else. It
 * builds the service from what the process sends, and tells how it ended.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import type { CommandResult, RunCommand } from "../command.ts";
import { AppError, describeError } from "../errors.ts";
import { type ClusterAccess, serviceAccountAccess } from "../kube/credentials.ts";
import { kubeconfigAccess } from "../kube/kubeconfig_access.ts";
import { createLogger } from "../log.ts";
import { serve } from "../service/service.ts";
import { writeAll } from "./write_all.ts";
import type { ClusterSource } from "./cluster.ts";
import type { FromService, ServiceStart, ToService } from "./messages.ts";

/** The Worker's end of the line to the process. */
export interface ServicePort {
  /** Tells the process something. */
  postMessage(message: FromService): void;
  /** Takes what the process says. */
  onmessage: ((event: MessageEvent<ToService>) => void) | null;
}

/** Takes messages from now on: the first one starts the service. */
export function runInWorker(port: ServicePort): void {
  const stop = new AbortController();
  const plugins = new Map<number, (result: CommandResult) => void>();
  let lastId = 0;
  const runExecPlugin: RunCommand = (_command, _args, env, { signal }) =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      plugins.set(id, resolve);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      port.postMessage({ kind: "run-exec-plugin", id, execInfo: env.KUBERNETES_EXEC_INFO ?? "" });
    });
  port.onmessage = ({ data }) => {
    switch (data.kind) {
      case "start":
        return void run(data.start, runExecPlugin, stop.signal).then((end) => port.postMessage(end));
      case "stop":
        return stop.abort();
      case "credentials":
        plugins.get(data.id)?.(data.result);
        plugins.delete(data.id);
        return;
    }
  };
  port.postMessage({ kind: "listening" });
}

async function run(
  { config, cluster, version, description }: ServiceStart,
  runExecPlugin: RunCommand,
  signal: AbortSignal,
): Promise<FromService> {
  try {
    const log = createLogger(config.log, (line) => writeAll(Deno.stderr, line));
    log.info("Starting", { version, options: description });
    await serve(config, {
      clock: systemClock,
      random: Math.random,
      newId: () => crypto.randomUUID(),
      log,
      openCluster: () => openCluster(cluster, runExecPlugin),
      readTextFile: Deno.readTextFile,
      writeMessage: (line) => writeAll(Deno.stdout, line),
    }, { signal });
    return { kind: "stopped" };
  } catch (error) {
    return { kind: "failed", reason: describeError(error) };
  }
}

function openCluster(
  cluster: ClusterSource | undefined,
  runCommand: RunCommand,
): Promise<ClusterAccess> {
  const { readTextFile } = Deno;
  switch (cluster?.kind) {
    case "service-account":
      return Promise.resolve(serviceAccountAccess({ ...cluster, clock: systemClock, readTextFile }));
    case "kubeconfig":
      return Promise.resolve(
        kubeconfigAccess(cluster.context, { clock: systemClock, readTextFile, runCommand }),
      );
    default:
      return Promise.reject(new AppError("no-cluster", "Cannot ask the API server as none is known"));
  }
}
