/**
 * How to reach the API server: a client's address, certificates and token, kept fresh.
 *
 * @module
 */
import { type Clock, unlessAborted } from "../clock.ts";
import { AppError } from "../errors.ts";

/** What one request needs. */
export interface Connection {
  /** Has the cluster's certificates; `undefined` for the default client. */
  readonly client: Deno.HttpClient | undefined;
  /** Authenticate the program. */
  readonly headers: Readonly<Record<string, string>>;
}

/** How a client reaches the API server. */
export interface ClusterAccess {
  /** Base URL without a slash at the end. */
  readonly server: string;
  /** Call it before each request, since tokens and certificates rotate. */
  connect(): Promise<Connection>;
  /** The program's own namespace. */
  namespace(): Promise<string>;
  /** Reads the credentials again before the next request, because the server refused those of `connection`. */
  invalidate(connection: Connection): void;
  /** Closes the connections. */
  close(): void;
}

/** Credentials may change on disk; the kubelet renews a token long before it expires. */
const REREAD_AFTER_MS = 60_000;

/** The error of `fetch` would quote any other token. */
const IN_A_HEADER = /^[\x20-\x7e]*$/;

/** Plain data, so that it can be sent to a Worker. Certificates and keys are PEM. */
export interface Credentials {
  /** Trusted besides the system's CAs. */
  readonly ca: string | undefined;
  readonly token: string | undefined;
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt?: number | undefined;
}

/** Reads the credentials; `refused` when the server did not accept the last ones. */
export type ReadCredentials = (options: { readonly refused: boolean }) => Promise<Credentials>;

/** Options of {@link rotatingAccess}. */
export interface RotatingAccessOptions {
  readonly server: string;
  readonly namespace: () => Promise<string>;
  readonly clock: Clock;
  readonly read: ReadCredentials;
}

/**
 * Access whose credentials are read again every minute, when they expire, and when the server refuses them. Concurrent
 * requests share one read, and connections stay open as long as the certificates are the same.
 */
export function rotatingAccess({ server, namespace, clock, read }: RotatingAccessOptions): ClusterAccess {
  interface Current extends Connection {
    readonly client: Deno.HttpClient;
    readonly certificates: string;
    readonly readAt: number;
    readonly expiresAt: number;
  }
  let current: Current | undefined;
  let refused = false;
  let reading: Promise<Current> | undefined;
  const closing = new AbortController();

  async function renew(): Promise<Current> {
    const { ca, token, certificate, expiresAt = Number.POSITIVE_INFINITY } = await read({ refused });
    closing.signal.throwIfAborted();
    if (!IN_A_HEADER.test(token ?? "")) {
      const message = `Cannot use the token for ${server}: it has characters that a header can't have`;
      throw new AppError("token", message);
    }
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const certificates = JSON.stringify([ca, certificate]);
    const previous = current;
    const isSame = previous?.certificates === certificates;
    const client = isSame ? previous.client : createClient(server, { ca, certificate });
    // Requests on the old connections still finish: closing only prevents new ones.
    if (!isSame) previous?.client.close();
    refused = false;
    return current = { client, headers, certificates, readAt: clock.monotonic(), expiresAt };
  }

  function isFresh({ readAt, expiresAt }: Current): boolean {
    return !refused && clock.monotonic() - readAt < REREAD_AFTER_MS && clock.now() < expiresAt;
  }

  return {
    server,
    namespace,
    async connect() {
      closing.signal.throwIfAborted();
      if (current && isFresh(current)) return current;
      reading ??= renew().finally(() => reading = undefined);
      return await unlessAborted(reading, closing.signal);
    },
    invalidate(connection) {
      // A late answer to a request with older credentials says nothing about the current ones.
      if (connection === current) refused = true;
    },
    close() {
      closing.abort(new AppError("credentials-closed", "The connection to the API server was closed"));
      current?.client.close();
      current = undefined;
    },
  };
}

/** Uses HTTP/1.1, which reads large ConfigMaps faster than HTTP/2. */
function createClient(server: string, { ca, certificate }: Pick<Credentials, "ca" | "certificate">) {
  try {
    return Deno.createHttpClient({ caCerts: ca === undefined ? [] : [ca], http2: false, ...certificate });
  } catch (cause) {
    const message = `Cannot use the CA, or the client certificate and key, for ${server}`;
    throw new AppError("certificates", message, { cause });
  }
}

/** Where a pod finds the API server and its token. */
export interface ServiceAccount {
  /** Folder with `token`, `ca.crt` and `namespace`. */
  readonly directory: string;
  /** `KUBERNETES_SERVICE_HOST`. */
  readonly host: string;
  /** `KUBERNETES_SERVICE_PORT`. */
  readonly port: string;
}

/**
 * Access as the pod's ServiceAccount.
 *
 * @throws {AppError} Code `service-account`, from the returned functions, when a file can't be read.
 */
export function serviceAccountAccess(
  { directory, host, port }: ServiceAccount,
  { clock, readTextFile }: { clock: Clock; readTextFile: (path: string) => Promise<string> },
): ClusterAccess {
  async function readFile(name: string): Promise<string> {
    try {
      return await readTextFile(`${directory}/${name}`);
    } catch (cause) {
      const message = `Cannot read ${directory}/${name} of the ServiceAccount`;
      throw new AppError("service-account", message, { cause });
    }
  }

  return rotatingAccess({
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    clock,
    namespace: async () => (await readFile("namespace")).trim(),
    read: async () => {
      const [token, ca] = await Promise.all([readFile("token"), readFile("ca.crt")]);
      return { ca, token: token.trim() };
    },
  });
}
