/**
 * Reads kubeconfigs as kubectl does: merges the files, picks the current context, and says of it what has to be known
 * to connect. It reads no credentials from other files and runs nothing: that is `kubeconfig_access.ts`'s.
 *
 * Loaded only where there is no ServiceAccount, since the YAML parser takes 11 MB of memory.
 *
 * @module
 */
import { LineCounter, parseDocument } from "yaml";
import { AppError } from "../errors.ts";

/** A text, or the path of a file with it, which is read again and again since it may change. */
export type TextSource = { readonly text: string } | { readonly file: string };

/** A command that gives credentials, as `users[].user.exec` describes it. */
export interface ExecPlugin {
  /** Version of the protocol: `client.authentication.k8s.io/v1` or `…/v1beta1`. */
  readonly apiVersion: string;
  /** A name to be looked up in PATH, or a path. */
  readonly command: string;
  /** Arguments. */
  readonly args: readonly string[];
  /** Environment variables besides our own. */
  readonly env: Readonly<Record<string, string>>;
  /** Tells how to install it; empty for nothing. */
  readonly installHint: string;
  /** Whether it wants to be told of the cluster, and what to add to that. */
  readonly clusterInfo: { readonly config: unknown } | undefined;
}

/** The current context: plain data, so that it can be handed to a Worker. */
export interface KubeContext {
  /** The context's name. */
  readonly name: string;
  /** The API server's URL, without a slash at the end. */
  readonly server: string;
  /** The context's namespace. */
  readonly namespace: string;
  /** Certificates that the server's is verified with. */
  readonly ca: TextSource | undefined;
  /** Bearer token. */
  readonly token: TextSource | undefined;
  /** Our own certificate and its key. */
  readonly certificate: { readonly cert: TextSource; readonly key: TextSource } | undefined;
  /** Where credentials come from when there is neither token nor certificate. */
  readonly exec: ExecPlugin | undefined;
}

/** What kubectl can do and the program can't, with what to do instead. */
const UNSUPPORTED_CLUSTER: Readonly<Record<string, string>> = {
  "insecure-skip-tls-verify": "set its certificate-authority",
  "tls-server-name": "use a server name that is in its certificate",
  "proxy-url": "reach the API server without a proxy",
};
const UNSUPPORTED_USER: Readonly<Record<string, string>> = {
  "auth-provider": "use an exec plugin",
  "username": "use a token, a client certificate or an exec plugin",
  "password": "use a token, a client certificate or an exec plugin",
  "as": "use a user who may do it",
  "as-uid": "use a user who may do it",
  "as-groups": "use a user who may do it",
  "as-user-extra": "use a user who may do it",
};

/**
 * Reads the current context.
 *
 * @param paths The files that make up the kubeconfig, in the order of `KUBECONFIG`. The first one that has a current
 *   context, or an entry of some name, counts; those that are missing are passed over unless all are.
 * @throws {AppError} Code `kubeconfig` when none can be read, one is no kubeconfig, something that the current context
 *   needs is missing, or it asks for something that is not supported.
 */
export async function readKubeconfig(
  paths: readonly string[],
  readTextFile: (path: string) => Promise<string>,
): Promise<KubeContext> {
  const files = (await Promise.all(paths.map((path) => readConfig(path, readTextFile)))).filter((file) =>
    file !== undefined
  );
  const where = paths.join(", ");
  if (paths.length === 0) throw problem("Cannot find a kubeconfig: set KUBECONFIG or HOME");
  if (files.length === 0) {
    throw problem(`Cannot find the kubeconfig ${where}: create it, or set KUBECONFIG to another one`);
  }
  const name = files.map((file) => file.text("current-context")).find((text) => text !== "");
  if (name === undefined) {
    throw problem(
      `Cannot find the API server as ${where} must have a current context: kubectl config use-context NAME`,
    );
  }
  const context = findEntry(files, "contexts", "context", name);
  const cluster = findEntry(files, "clusters", "cluster", context.text("cluster"));
  const user = context.text("user") === ""
    ? undefined
    : findEntry(files, "users", "user", context.text("user"));
  return describe(name, context, cluster, user);
}

function describe(name: string, context: Fields, cluster: Fields, user: Fields | undefined): KubeContext {
  const server = readServer(cluster);
  // Without TLS there is nothing to verify or to name.
  if (server.startsWith("https:")) refuse(cluster, UNSUPPORTED_CLUSTER);
  if (user) refuse(user, UNSUPPORTED_USER);
  const cert = user?.source("client-certificate");
  const key = user?.source("client-key");
  if ((cert === undefined) !== (key === undefined)) {
    throw problem(
      `Cannot use ${user?.what} as it must have both a client certificate and its key, or neither`,
    );
  }
  // The file wins, as it may be renewed.
  const tokenFile = user?.path("tokenFile");
  const token = user?.text("token");
  return {
    name,
    server,
    namespace: context.text("namespace") || "default",
    ca: cluster.source("certificate-authority"),
    token: tokenFile ? { file: tokenFile } : token ? { text: token } : undefined,
    certificate: cert && key ? { cert, key } : undefined,
    exec: user?.has("exec") ? readExec(user.fields("exec"), cluster) : undefined,
  };
}

function readServer(cluster: Fields): string {
  const url = URL.parse(cluster.text("server"));
  if (url && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "") {
    return cluster.text("server").replace(/\/+$/, "");
  }
  throw problem(
    `Cannot use ${cluster.what} as its server must be a URL that begins with http:// or https://, without a user`,
  );
}

const PROTOCOLS = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
/** Name of the cluster's extension that is handed to exec plugins. */
const EXEC_EXTENSION = "client.authentication.k8s.io/exec";

function readExec(exec: Fields, cluster: Fields): ExecPlugin {
  const apiVersion = exec.text("apiVersion");
  if (!PROTOCOLS.includes(apiVersion)) {
    throw problem(`Cannot use ${exec.what} as its apiVersion must be one of ${PROTOCOLS.join(", ")}`);
  }
  if (exec.text("command") === "") throw problem(`Cannot use ${exec.what} as it must have a command`);
  if (exec.text("interactiveMode") === "Always") {
    throw problem(`Cannot use ${exec.what} as its interactiveMode must not be Always: nobody can answer it`);
  }
  const extension = cluster.list("extensions").find((entry) => entry.text("name") === EXEC_EXTENSION);
  return {
    apiVersion,
    command: exec.text("command").includes("/") ? exec.path("command") : exec.text("command"),
    args: exec.texts("args"),
    env: Object.fromEntries(exec.list("env").map((entry) => [entry.text("name"), entry.text("value")])),
    installHint: exec.text("installHint"),
    clusterInfo: exec.has("provideClusterInfo") ? { config: extension?.value("extension") } : undefined,
  };
}

function refuse(entry: Fields, unsupported: Readonly<Record<string, string>>): void {
  for (const [field, instead] of Object.entries(unsupported)) {
    if (entry.has(field)) throw problem(`Cannot use ${entry.what} as ${field} is not supported: ${instead}`);
  }
}

function findEntry(files: readonly Fields[], list: string, field: string, name: string): Fields {
  for (const file of files) {
    const entry = file.list(list).find((candidate) => candidate.text("name") === name);
    if (entry) return entry.fields(field, `${field} ${JSON.stringify(name)} of the kubeconfig`);
  }
  throw problem(`Cannot use the kubeconfig as it must have ${field} ${JSON.stringify(name)}, which it names`);
}

async function readConfig(
  path: string,
  readTextFile: (path: string) => Promise<string>,
): Promise<Fields | undefined> {
  let text: string;
  try {
    text = await readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw problem(`Cannot read the kubeconfig ${path}`, { cause });
  }
  // The parser's messages quote the text, which may be a token: only the line is told.
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: "error" });
  const [error] = document.errors;
  if (error) {
    throw problem(
      `Cannot read the kubeconfig ${path} as line ${lineCounter.linePos(error.pos[0]).line} is not YAML`,
    );
  }
  return new Fields(document.toJS(), `the kubeconfig ${path}`, path.replace(/[^/]*$/, ""));
}

/** An object of a kubeconfig, and how its fields are read. A field that is null, false or empty counts as missing. */
class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  /** What it is, for errors. */
  readonly what: string;
  /** Where relative paths begin. */
  readonly #folder: string;

  constructor(value: unknown, what: string, folder: string) {
    if (value !== null && value !== undefined && (typeof value !== "object" || Array.isArray(value))) {
      throw problem(`Cannot use ${what} as it must be a mapping`);
    }
    this.#values = (value ?? {}) as Record<string, unknown>;
    this.what = what;
    this.#folder = folder;
  }

  value(field: string): unknown {
    return Object.hasOwn(this.#values, field) ? this.#values[field] : undefined;
  }

  has(field: string): boolean {
    const value = this.value(field);
    if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
    return Boolean(value);
  }

  text(field: string): string {
    return this.#text(this.value(field), field);
  }

  /** A path, resolved against the file's folder. */
  path(field: string): string {
    const path = this.text(field);
    return path === "" || path.startsWith("/") ? path : this.#folder + path;
  }

  /** `FIELD-data` in base64, or else the file that `FIELD` names. */
  source(field: string): TextSource | undefined {
    const data = this.text(`${field}-data`);
    const file = this.path(field);
    if (data === "") return file === "" ? undefined : { file };
    try {
      return { text: new TextDecoder().decode(Uint8Array.fromBase64(data)) };
    } catch {
      throw problem(`Cannot use ${this.what} as ${field}-data must be base64`);
    }
  }

  texts(field: string): string[] {
    return this.#items(field).map((item) => this.#text(item, field));
  }

  list(field: string): Fields[] {
    return this.#items(field).map((item) => new Fields(item, `${field} of ${this.what}`, this.#folder));
  }

  fields(field: string, what = `${field} of ${this.what}`): Fields {
    return new Fields(this.value(field), what, this.#folder);
  }

  #text(value: unknown, field: string): string {
    if (value === null || value === undefined) return "";
    if (typeof value === "string") return value;
    throw problem(`Cannot use ${this.what} as ${field} must be text`);
  }

  #items(field: string): readonly unknown[] {
    const value = this.value(field) ?? [];
    if (Array.isArray(value)) return value;
    throw problem(`Cannot use ${this.what} as ${field} must be a list`);
  }
}

function problem(message: string, options?: ErrorOptions): AppError {
  return new AppError("kubeconfig", message, options);
}
