/**
 * Reads the current context of kubeconfigs with `@kubernetes/client-node`, and adds what kubectl accepts and the package
 * doesn't. Import this file dynamically, and never in a pod: its packages take much memory.
 *
 * @module
 */
import type { RequestOptions } from "node:https";
import { dirname, resolve } from "node:path";
import { type Cluster, KubeConfig, type User } from "@kubernetes/client-node";
import { LineCounter, parseAllDocuments } from "yaml";
import type { Clock } from "../clock.ts";
import { AppError } from "../errors.ts";
import type { Credentials } from "./credentials.ts";
import { parseExecPlugin, runExecPlugin } from "./exec_plugin.ts";

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

/** The package's name for a token in a file. */
const TOKEN_FILE = "tokenFile";
/** Name of the cluster's extension for exec plugins. */
const EXEC_EXTENSION = "client.authentication.k8s.io/exec";

type Fields = Record<string, unknown>;

interface KubeconfigFile {
  readonly config: KubeConfig;
  /** With the extensions, which the package drops. */
  readonly clusters: readonly {
    readonly name: string;
    readonly cluster?: {
      readonly extensions?: readonly { readonly name: string; readonly extension: unknown }[];
    };
  }[];
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
  const config = new KubeConfig();
  config.loadFromOptions({
    contexts: files.flatMap(({ config }) => config.getContexts()),
    clusters: files.flatMap(({ config }) => config.getClusters()),
    users: files.flatMap(({ config }) => config.getUsers()),
    currentContext: files.map(({ config }) => config.getCurrentContext()).find((name) => name),
  });
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
  const reason = whyUnusable(cluster, user);
  if (reason) throw fail(reason);
  const plugin = user.exec ? parseExecPlugin(user.exec, fail) : undefined;
  const source = files.flatMap(({ clusters }) => clusters).find(({ name }) => name === cluster.name);
  const info = source?.cluster?.extensions?.find(({ name }) => name === EXEC_EXTENSION)?.extension;
  let fromPlugin: Credentials | undefined;
  return {
    context: name,
    server: cluster.server.replace(/\/+$/, ""),
    namespace: context.namespace ?? "default",
    readCredentials: async ({ refused, signal }) => {
      const stored = await readStored(cluster, user).catch((cause) => {
        throw fail("its credentials cannot be read", { cause });
      });
      if (!plugin || stored.token !== undefined || stored.certificate) return stored;
      const isExpired = fromPlugin?.expiresAt !== undefined && clock.now() >= fromPlugin.expiresAt;
      if (!fromPlugin || refused || isExpired) {
        const { server } = cluster;
        fromPlugin = await runExecPlugin(plugin, { server, ca: stored.ca, config: info }, { clock, signal });
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
  const lineCounter = new LineCounter();
  // The first document counts, and the last of duplicate keys.
  const leniently = { merge: true, uniqueKeys: false, prettyErrors: false, logLevel: "error" } as const;
  const [document] = parseAllDocuments(decode(bytes), { ...leniently, lineCounter });
  const [error] = document?.errors ?? [];
  if (error) {
    const { line } = lineCounter.linePos(error.pos[0]);
    throw problem(`Cannot read the kubeconfig ${path}: line ${line} is not valid YAML`);
  }
  const config = new KubeConfig();
  try {
    const plain = document?.toJS() ?? {};
    for (const { cluster } of plain.clusters ?? []) preferData(cluster ?? {}, "certificate-authority");
    for (const { user } of plain.users ?? []) adaptUser(user ?? {}, dirname(path));
    config.loadFromString(JSON.stringify(plain), { onInvalidEntry: "filter" });
    config.makePathsAbsolute(dirname(path));
    return { config, clusters: plain.clusters ?? [] };
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

/** Data overrides a file for kubectl; the package does the opposite. */
function preferData(entry: Fields, field: string): void {
  if (entry[`${field}-data`]) delete entry[field];
}

/** Makes the package read a user as kubectl does. */
function adaptUser(user: Fields, folder: string): void {
  preferData(user, "client-certificate");
  preferData(user, "client-key");
  if (user.tokenFile) {
    const tokenFile = resolve(folder, String(user.tokenFile));
    user["auth-provider"] = { name: TOKEN_FILE, config: { tokenFile } };
    delete user.token;
  }
  const exec = user.exec as Fields | null | undefined;
  if (String(exec?.command).includes("/")) exec!.command = resolve(folder, String(exec!.command));
  // The package knows only the first one.
  const impersonation = ["as", "as-uid", "as-groups", "as-user-extra"];
  user.as = impersonation.find((field) => Object.keys(user[field] ?? {}).length > 0);
}

function whyUnusable(
  { server, skipTLSVerify, tlsServerName, proxyUrl }: Cluster,
  user: User,
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
  if (user.authProvider && user.authProvider.name !== TOKEN_FILE) {
    return "auth-provider is not supported. Use an exec plugin";
  }
  if (user.username || user.password) {
    return "username and password are not supported. Use a token, a client certificate or an exec plugin";
  }
  if (user.impersonateUser) {
    return `${user.impersonateUser} is not supported. Use a user that needs no impersonation`;
  }
  if (Boolean(user.certData || user.certFile) !== Boolean(user.keyData || user.keyFile)) {
    return "a client certificate needs its key, and a key its certificate";
  }
}

/** Reads everything but an exec plugin's credentials. */
async function readStored(cluster: Cluster, user: User): Promise<Credentials> {
  const config = new KubeConfig();
  // The package refuses http:// without this field, and makes no connection here. It would run a plugin without a limit.
  config.loadFromClusterAndUser({ ...cluster, skipTLSVerify: true }, { ...user, exec: undefined });
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key } = options;
  const { Authorization } = options.headers as { readonly Authorization?: string };
  return {
    ca: ca?.toString(),
    token: Authorization?.replace(/^Bearer /, "").trim(),
    certificate: cert && key ? { cert: cert.toString(), key: key.toString() } : undefined,
  };
}

function problem(message: string, options?: ErrorOptions): AppError {
  return new AppError("kubeconfig", message, options);
}
