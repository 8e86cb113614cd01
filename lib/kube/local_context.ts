/**
 * Tells a cluster on this machine from one that others depend on. The program deletes ConfigMaps and writes Secrets in
 * all namespaces, so a kubeconfig that happens to point at production must not be enough to run it there.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { KubeContext } from "./kubeconfig.ts";

/** Names that are this machine, wherever they are asked for. */
const LOCAL_NAMES = /^(?:localhost|.+\.localhost|host\.docker\.internal|kubernetes\.docker\.internal)$/;
/** Addresses that are this machine; k3d writes 0.0.0.0, which connects to it, too. */
const LOCAL_ADDRESSES = /^(?:127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\])$/;

/**
 * Networks that virtual machines and Docker make on one machine. 10.0.0.0/8 is left out: it is what networks of
 * companies and clouds use, and what a VPN leads to.
 */
const MACHINE_NETWORKS = /^(?:192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d+\.\d+$/;
/** How tools for local clusters name their contexts. A name alone proves nothing: anybody can give any name. */
const LOCAL_TOOLS = /^(?:minikube|kind-.+|k3d-.+|docker-desktop|rancher-desktop|orbstack|colima(?:-.+)?)$/;

/** Whether the context's API server looks like one on this machine. A tunnel's end does, too. */
export function looksLocal({ name, server }: Pick<KubeContext, "name" | "server">): boolean {
  // As URLs are read, other ways to write an address (2130706433, 0x7f.1) become the usual one.
  const { hostname } = new URL(server);
  if (LOCAL_NAMES.test(hostname) || LOCAL_ADDRESSES.test(hostname)) return true;
  return LOCAL_TOOLS.test(name) && MACHINE_NETWORKS.test(hostname);
}

/**
 * Refuses a context that does not look local.
 *
 * @throws {AppError} Code `remote-context`, naming context and server, and what to do.
 */
export function requireLocalContext(context: Pick<KubeContext, "name" | "server">): void {
  if (looksLocal(context)) return;
  throw new AppError(
    "remote-context",
    `Cannot use context ${
      JSON.stringify(context.name)
    } as its server ${context.server} does not look local, and the program ` +
      "would write to it: switch the context (kubectl config use-context NAME), or set ALLOW_REMOTE_CONTEXT=true if you mean it",
  );
}
