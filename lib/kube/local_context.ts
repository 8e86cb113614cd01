/**
 * Tells a cluster on this machine from one that others depend on. The program deletes ConfigMaps and writes Secrets in
 * all namespaces, so a kubeconfig that points at production must not be enough to run it there.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Kubeconfig } from "./kubeconfig.ts";

const LOCAL_NAMES = /^(?:localhost|.+\.localhost|host\.docker\.internal|kubernetes\.docker\.internal)$/;
/** k3d writes 0.0.0.0, which connects to this machine, too. */
const LOCAL_ADDRESSES = /^(?:127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\])$/;

/** Networks of virtual machines and Docker. Not 10.0.0.0/8, which companies, clouds and their VPNs use. */
const MACHINE_NETWORKS = /^(?:192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d+\.\d+$/;
/** Contexts of tools for local clusters. A name alone proves nothing. */
const LOCAL_TOOLS = /^(?:minikube|kind-.+|k3d-.+|docker-desktop|rancher-desktop|orbstack|colima(?:-.+)?)$/;

/** Whether the API server looks like one on this machine. So does the end of a tunnel. */
export function looksLocal({ context, server }: Pick<Kubeconfig, "context" | "server">): boolean {
  // URLs normalise other notations of an address (2130706433, 0x7f.1).
  const { hostname } = new URL(server);
  if (LOCAL_NAMES.test(hostname) || LOCAL_ADDRESSES.test(hostname)) return true;
  return LOCAL_TOOLS.test(context) && MACHINE_NETWORKS.test(hostname);
}

/**
 * Refuses a context that does not look local.
 *
 * @throws {AppError} Code `remote-context`.
 */
export function requireLocalContext({ context, server }: Pick<Kubeconfig, "context" | "server">): void {
  if (looksLocal({ context, server })) return;
  throw new AppError(
    "remote-context",
    `Cannot use context ${
      JSON.stringify(context)
    } as its server ${server} does not look local, and the program ` +
      "would write to it. Switch the context (kubectl config use-context NAME), or set ALLOW_REMOTE_CONTEXT=true " +
      "if you mean it",
  );
}
