/**
 * Reads the current context of kubeconfigs with `@kubernetes/client-node`, and adds what kubectl accepts and the package
 * doesn't. Import this file dynamically, and never in a pod: its packages take much memory.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { dirname, resolve } from "node:path";
import { type Cluster, KubeConfig, type User } from "@kubernetes/client-node";
import { parseAllDocuments } from "yaml";
import type { Clock } from "../clock.ts";
import { AppError } from "../errors.ts";
import type { Credentials } from "./credentials.ts";
import { createExecPlugin } from "./exec_plugin.ts";

/** The current context. */
export interface Kubeconfig {
  readonly context: string;
  /** URL without a slash at the end. */
  readonly server: string;
  readonly namespace: string;
  /**
   * Reads the files that the context names. Runs its exec plugin the first time, and when the last credentials have
   * expired or the server `refused` them.
   *
   * @throws {AppError} Code `kubeconfig` for a file, `exec-plugin` for a plugin.
   */
  readCredentials(options: { readonly refused: boolean; readonly signal: AbortSignal }): Promise<Credentials>;
}

/** Name of the cluster's extension for exec plugins. */
const EXEC_EXTENSION = "client.authentication.k8s.io/exec";

type Fields = Record<string, unknown>;
type ClusterFields = Fields & { readonly extensions?: readonly { name: string; extension: unknown }[] };

/** A kubeconfig's YAML. */
interface KubeconfigFile {
  readonly "current-context"?: string;
  readonly contexts?: readonly unknown[] | null;
  readonly clusters?: readonly { readonly name?: string; readonly cluster?: ClusterFields | null }[] | null;
  readonly users?: readonly { readonly name?: string; readonly user?: Fields | null }[] | null;
}

/**
 * Reads the current context.
 *
 * @param paths Files in the order of `KUBECONFIG`: of entries with the same name the first one counts. Missing files are
 *   skipped unless all are missing.
 * @throws {AppError} Code `kubeconfig` when no file can be read, the context is incomplete, or it needs something
 *   that is not supported.
 */
export async function readKubeconfig(paths: readonly string[], clock: Clock): Promise<Kubeconfig> {
  const where = `the kubeconfig ${paths.join(", ")}`;
  const files = (await Promise.all(paths.map(readFile))).filter((file) => file !== undefined);
  if (paths.length === 0) throw problem("Cannot find a kubeconfig. Set KUBECONFIG or HOME");
  if (files.length === 0) throw problem(`Cannot find ${where}. Create it, or set KUBECONFIG to another file`);
  const clusters = files.flatMap(({ clusters }) => clusters ?? []);
  const users = files.flatMap(({ users }) => users ?? []);
  const contexts = files.flatMap(({ contexts }) => contexts ?? []);
  const current = files.map((file) => file["current-context"]).find((name) => name);
  const config = new KubeConfig();
  const merged = { clusters, users, contexts, "current-context": current };
  config.loadFromString(JSON.stringify(merged), { onInvalidEntry: "filter" });
  const name = config.getCurrentContext();
  if (!name) throw problem(`Cannot find a current context in ${where}. Run kubectl config use-context NAME`);
  const fail = (reason: string, options?: ErrorOptions) =>
    problem(`Cannot use context ${JSON.stringify(name)} of ${where}: ${reason}`, options);

  const context = config.getContextObject(name);
  if (!context) throw fail("there is no such context, or it has no cluster");
  const cluster = config.getCurrentCluster();
  if (!cluster) throw fail(`there is no cluster ${JSON.stringify(context.cluster)}, or it has no server`);
  const user = context.user ? config.getCurrentUser() : { name: "" };
  if (!user) throw fail(`there is no user ${JSON.stringify(context.user)}`);
  // The fields that the package drops.
  const { extensions } = clusters.find(({ name }) => name === cluster.name)?.cluster ?? {};
  const { tokenFile, ...userFields } = users.find(({ name }) => name === user.name)?.user ?? {};
  const reason = whyUnusable(cluster, user, userFields);
  if (reason) throw fail(reason);
  const plugin = user.exec ? createExecPlugin(user.exec, clock, fail) : undefined;
  const execConfig = extensions?.find(({ name }) => name === EXEC_EXTENSION)?.extension;
  let fromPlugin: Credentials | undefined;
  return {
    context: name,
    server: cluster.server.replace(/\/+$/, ""),
    namespace: context.namespace ?? "default",
    readCredentials: async ({ refused, signal }) => {
      const stored = await readStored(cluster, user, tokenFile).catch((cause) => {
        throw fail("its credentials cannot be read", { cause });
      });
      if (!plugin || stored.token !== undefined || stored.certificate) return stored;
      const isExpired = fromPlugin?.expiresAt !== undefined && clock.now() >= fromPlugin.expiresAt;
      if (!fromPlugin || refused || isExpired) {
        fromPlugin = await plugin({ server: cluster.server, ca: stored.ca, config: execConfig }, signal);
      }
      return { ...fromPlugin, ca: stored.ca };
    },
  };
}

/** Reads a file; resolves with `undefined` when there is none. Errors don't quote the file, which holds secrets. */
async function readFile(path: string): Promise<KubeconfigFile | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw problem(`Cannot read the kubeconfig ${path}`, { cause });
  }
  // The first document counts, and the last of duplicate keys.
  const leniently = { merge: true, uniqueKeys: false, logLevel: "error" } as const;
  const [document] = parseAllDocuments(decode(bytes), leniently);
  const [error] = document?.errors ?? [];
  if (error) {
    throw problem(`Cannot read the kubeconfig ${path}: line ${error.linePos?.[0].line} is not valid YAML`);
  }
  try {
    const yaml = document?.toJS() ?? {};
    const folder = dirname(path);
    for (const { cluster } of yaml.clusters ?? []) makeAbsolute(cluster, "certificate-authority", folder);
    for (const { user } of yaml.users ?? []) {
      for (const field of ["client-certificate", "client-key", "tokenFile"]) {
        makeAbsolute(user, field, folder);
      }
      if (String(user?.exec?.command).includes("/")) makeAbsolute(user.exec, "command", folder);
    }
    return yaml;
  } catch {
    throw problem(`Cannot read the kubeconfig ${path}: it is not a kubeconfig`);
  }
}

/** YAML is UTF-8, or UTF-16 with a byte order mark. */
function decode(bytes: Uint8Array): string {
  const mark = bytes[0]! << 8 | bytes[1]!;
  const encoding = mark === 0xfffe ? "utf-16le" : mark === 0xfeff ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

function makeAbsolute(entry: Fields | null | undefined, field: string, folder: string): void {
  if (entry?.[field]) entry[field] = resolve(folder, String(entry[field]));
}

function whyUnusable(
  { server, skipTLSVerify, tlsServerName, proxyUrl }: Cluster,
  user: User,
  userFields: Fields,
): string | undefined {
  const url = URL.parse(server);
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    return "its server must be an http:// or https:// URL without credentials";
  }
  // Without TLS these have no effect.
  if (url.protocol === "https:") {
    if (skipTLSVerify) return "insecure-skip-tls-verify is not supported. Set certificate-authority";
    if (tlsServerName) {
      return "tls-server-name is not supported. Use a server name that is in its certificate";
    }
    if (proxyUrl) return "proxy-url is not supported. Use a server that needs no proxy";
  }
  if (user.authProvider) return "auth-provider is not supported. Use an exec plugin";
  if (user.username || user.password) {
    return "username and password are not supported. Use a token, a client certificate or an exec plugin";
  }
  const impersonation = ["as", "as-uid", "as-groups", "as-user-extra"].find((field) =>
    Object.keys(userFields[field] ?? {}).length > 0
  );
  if (impersonation) return `${impersonation} is not supported. Use a user that needs no impersonation`;
  if (Boolean(user.certData || user.certFile) !== Boolean(user.keyData || user.keyFile)) {
    return "a client certificate needs its key, and a key its certificate";
  }
}

/** Reads everything but an exec plugin's credentials. Data overrides a file, and a token's file a token, as for kubectl. */
async function readStored(cluster: Cluster, user: User, tokenFile: unknown): Promise<Credentials> {
  const ca = await read(cluster.caFile, cluster.caData);
  const cert = await read(user.certFile, user.certData);
  const key = await read(user.keyFile, user.keyData);
  const token = String(tokenFile ? await Deno.readTextFile(String(tokenFile)) : user.token ?? "").trim();
  return { ca, token: token || undefined, certificate: cert && key ? { cert, key } : undefined };
}

async function read(file: string | undefined, base64: string | undefined): Promise<string | undefined> {
  if (base64) return Buffer.from(base64, "base64").toString();
  return file ? await Deno.readTextFile(file) : undefined;
}

function problem(message: string, options?: ErrorOptions): AppError {
  return new AppError("kubeconfig", message, options);
}
