/**
 * The service's side of the sandbox: runs in the Worker, with the permissions of `permissions.ts` only, and builds the
 * service from what the process sends.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import { AppError, describeError } from "../errors.ts";
import {
  type ClusterAccess,
  type Credentials,
  type ReadCredentials,
  rotatingAccess,
  serviceAccountAccess,
} from "../kube/credentials.ts";
import { createLogger } from "../log.ts";
import { serve } from "../service/service.ts";
import type { Cluster } from "./cluster.ts";
import type { FromService, ServiceStart, ToService } from "./messages.ts";
import { writeAll } from "./write_all.ts";

/** The Worker's end of its connection to the process. */
export interface ServicePort {
  /** Sends a message to the process. */
  postMessage(message: FromService): void;
  onmessage: ((event: MessageEvent<ToService>) => void) | null;
}

/** Handles messages from now on: the first one starts the service. */
export function runInWorker(port: ServicePort): void {
  const stop = new AbortController();
  const requests = new Map<number, PromiseWithResolvers<Credentials>>();
  let lastId = 0;
  const readCredentials: ReadCredentials = ({ refused }) => {
    const request = Promise.withResolvers<Credentials>();
    requests.set(++lastId, request);
    port.postMessage({ kind: "read-credentials", id: lastId, refused });
    return request.promise;
  };
  port.onmessage = ({ data }) => {
    switch (data.kind) {
      case "start":
        return void run(data.start, readCredentials, stop.signal).then((end) => port.postMessage(end));
      case "stop":
        return stop.abort();
      case "credentials":
        requests.get(data.id)?.resolve(data.credentials);
        return void requests.delete(data.id);
      case "no-credentials":
        requests.get(data.id)?.reject(new AppError("no-credentials", data.reason));
        return void requests.delete(data.id);
    }
  };
  port.postMessage({ kind: "listening" });
}

async function run(
  { config, cluster, version, description }: ServiceStart,
  readCredentials: ReadCredentials,
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
      openCluster: () => Promise.resolve(openCluster(cluster, readCredentials)),
      readTextFile: Deno.readTextFile,
      writeMessage: (line) => writeAll(Deno.stdout, line),
    }, { signal });
    return { kind: "stopped" };
  } catch (error) {
    return { kind: "failed", reason: describeError(error) };
  }
}

function openCluster(cluster: Cluster, read: ReadCredentials): ClusterAccess {
  switch (cluster?.kind) {
    case "service-account":
      return serviceAccountAccess(cluster, { clock: systemClock, readTextFile: Deno.readTextFile });
    case "kubeconfig": {
      const { server, namespace } = cluster;
      return rotatingAccess({
        server,
        namespace: () => Promise.resolve(namespace),
        clock: systemClock,
        read,
      });
    }
    default:
      throw new AppError("no-cluster", "There is no API server");
  }
}
